/** What a command line names as a model: a folder, an address, or a model of the hub. */
import { existsSync } from "node:fs";
import { looksLikeHubId } from "@dynamo/hub";
import type { HubProgress } from "@dynamo/model";
import type { HubFolder, HubFolderOptions } from "@dynamo/model/convert";
import { paintError } from "./paint.js";
import { startProgress } from "./progress.js";

/** `hf:owner/name`, also for a plain owner/name that no folder here has; everything else is as it was. */
export const namedModel = (argument: string): string =>
  looksLikeHubId(argument) && !existsSync(argument) ? `hf:${argument}` : argument;

export const isHubModel = (argument: string): boolean => namedModel(argument).startsWith("hf:");

type FetchOptions = Pick<HubFolderOptions, "as" | "dtype">;

/** A model of the hub as a folder, with its progress on standard error. */
export async function fetchFromHub(argument: string, options: FetchOptions, signal: AbortSignal): Promise<HubFolder> {
  const { hubFolder } = await import("@dynamo/model/convert");
  const progress = startProgress();
  let stage: HubProgress["stage"] | undefined;
  const onProgress = (now: HubProgress): void => {
    if (now.stage !== stage) {
      progress.stop();
      console.error(paintError.dim(`${argument}: ${stageText[now.stage]}`));
    }
    stage = now.stage;
    if (now.stage !== "waiting") progress.update(now.loaded, now.total, now.stage);
  };
  try {
    return await hubFolder(namedModel(argument), { ...options, hub: { onProgress }, signal });
  } finally {
    progress.stop();
  }
}

const stageText: Readonly<Record<HubProgress["stage"], string>> = {
  waiting: "another process is at work on it; waiting for it …",
  downloading: "downloading from the hub …",
  converting: "converting …",
};

/** The folder of a model; folders and addresses stay as they are. */
export const localFolder = async (argument: string, options: FetchOptions, signal: AbortSignal): Promise<string> =>
  isHubModel(argument) ? (await fetchFromHub(argument, options, signal)).folder : argument;
