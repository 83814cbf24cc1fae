/** From an address or a picked folder to a model that runs in the runtime's worker. */
import { loadModel, type LoadedModel } from "@dynamo/model";
import { createWebRuntime, folderFiles, urlFiles } from "@dynamo/runtime-web";
import type { DeviceName } from "../settings/settings.js";

export interface Progress {
  readonly file: string;
  readonly loaded: number;
  readonly total: number | undefined;
}

export interface OpenModel {
  readonly model: LoadedModel;
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

export async function openModel(
  source: string | readonly File[],
  device: DeviceName,
  { signal, onProgress }: OpenOptions,
): Promise<OpenModel> {
  const files = typeof source === "string" ? urlFiles(source, { onProgress, signal }) : folderFiles(source);
  const runtime = createWebRuntime({ device });
  try {
    const model = await loadModel(runtime, files, { signal });
    return { model, close: () => runtime.dispose() };
  } catch (error) {
    await runtime.dispose();
    throw error;
  }
}
