/** Data of tasks where it lies, or downloaded where a URL is given. */
import { homedir } from "node:os";
import { join } from "node:path";
import { downloadData } from "@dynamo/eval";
import { startProgress } from "../../progress.js";

export interface LocalDataOptions {
  /** For what is downloaded; default: the user's. */
  readonly cache: string | undefined;
  readonly signal: AbortSignal;
}

/** The path of a file or a folder. */
export async function localData(data: string, { cache, signal }: LocalDataOptions): Promise<string> {
  if (!/^https?:/i.test(data)) return data;
  const progress = startProgress();
  const onProgress = (received: number, total = received): void => {
    progress.update(received, total, data);
  };
  try {
    return await downloadData(data, { folder: cache ?? userCache(), onProgress, signal });
  } finally {
    progress.stop();
  }
}

/** As the XDG base directories have it. */
function userCache(): string {
  const { XDG_CACHE_HOME: caches = "" } = process.env;
  return join(caches === "" ? join(homedir(), ".cache") : caches, "dynamo", "data");
}
