/** From an address or a picked folder to a model that runs in the runtime's worker. */
import { DynamoError } from "@dynamo/core";
import { isHubAddress } from "@dynamo/hub";
import { loadModel, type LoadedModel, type ModelFiles } from "@dynamo/model";
import { createWebRuntime, folderFiles, urlFiles, type PlacedFiles } from "@dynamo/runtime-web";
import { keepRuntime } from "../offline/offline.js";
import { embeddedName } from "./embedded.js";
import { localSource } from "../passes/local-source.js";
import type { PassSource } from "../passes/pass-source.js";
import type { DeviceName, DTypeName } from "../settings/settings.js";

export interface Progress {
  readonly file: string;
  readonly loaded: number;
  readonly total: number | undefined;
}

/** Picked with their paths in them, or dropped. */
export type FolderFiles = readonly File[] | PlacedFiles;

export interface OpenModel {
  readonly model: LoadedModel;
  /** What the views write with. */
  readonly source: PassSource;
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly device: DeviceName;
  readonly dtype: DTypeName;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  /** Told why, when the browser has no room to keep the model. */
  readonly onNotKept: (reason: string) => void;
  /** Told why, when the model is gone for good. */
  readonly onLost: (reason: string) => void;
}

/** What vite.config.ts found in each embedded model's folder. */
declare const __EMBEDDED_FILES__: Readonly<Record<string, readonly string[]>>;

/** Files of which all names are known: others are not asked for. */
function listed(files: ModelFiles, names: readonly string[] | undefined): ModelFiles {
  if (names === undefined) return files;
  return { ...files, size: (path) => (names.includes(path) ? files.size(path) : Promise.resolve(undefined)) };
}

const stages = { waiting: "another tab is at work on it", downloading: "downloading", converting: "converting" };

export async function openModel(
  source: string | FolderFiles,
  { device, dtype, signal, onProgress, onNotKept, onLost }: OpenOptions,
): Promise<OpenModel> {
  const files =
    typeof source !== "string"
      ? folderFiles(source)
      : isHubAddress(source)
        ? source
        : listed(
            urlFiles(source, { onProgress, onCacheFull: onNotKept, signal }),
            __EMBEDDED_FILES__[embeddedName(source, location.href) ?? ""],
          );
  let losses = 0;
  const runtime = createWebRuntime({
    device,
    onLost({ reason, what }) {
      losses++;
      // After a device's first loss the model is loaded anew with the next text.
      if (what === "worker" || losses > 1) onLost(reason);
    },
  });
  try {
    const model = await loadModel(runtime, files, {
      dtype: dtype === "auto" ? undefined : dtype,
      hub: {
        onProgress: ({ stage, ...bytes }) =>
          onProgress({ file: `${typeof source === "string" ? source : "the model"} (${stages[stage]})`, ...bytes }),
      },
      signal,
    });
    if (model.chatTokenizer === undefined) {
      throw new DynamoError(
        "not-found",
        `${typeof files === "string" ? files : files.location} has no tokenizer.json, without which no text can be written`,
      );
    }
    void keepRuntime(model.device.device);
    return { model, source: localSource(model), close: () => runtime.dispose() };
  } catch (error) {
    await runtime.dispose();
    throw error;
  }
}
