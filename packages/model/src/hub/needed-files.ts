/** Which files of a model on the hub are needed: a repository often has the same weights in several forms. */
import { DynamoError } from "@dynamo/core";
import { isPlainObject } from "@dynamo/core/options";
import {
  conditionalPath,
  dtypes,
  graphPath,
  maskPath,
  preferredDTypes,
  tokenizerFiles,
} from "../folder/model-folder.js";
import { generationConfigPath } from "../folder/generation-config.js";
import type { ModelDType } from "../graph/precision.js";
import { medusaFile, medusaPickleError, medusaPickles } from "../checkpoint/medusa/files.js";
import { isPickle, pickleError } from "../checkpoint/pickles.js";

const single = "model.safetensors";
export const shardIndex = "model.safetensors.index.json";
/** Licences and cards, as far as they are there. */
export const cardFiles = ["README.md", "LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE", "USE_POLICY.md"] as const;

const texts = ["config.json", generationConfigPath, ...tokenizerFiles, ...cardFiles];

/** What a model's folder has beside its weights. */
export const textFiles = (paths: ReadonlySet<string>): readonly string[] => texts.filter((path) => paths.has(path));

/** Whether config.json is that of a folder of ours with graphs: other projects' repositories have onnx/ too. */
export const isModelFolder = (config: unknown, paths: ReadonlySet<string>): boolean =>
  isPlainObject((config as { readonly dynamo?: unknown } | null)?.dynamo) &&
  dtypes.some((dtype) => paths.has(graphPath(dtype)));

export const hasSafetensors = (paths: ReadonlySet<string>): boolean => paths.has(single) || paths.has(shardIndex);

/** Of a folder of ours: the texts, the mask and one graph. Throws `unsupported` when it lacks the dtype asked for. */
export function modelFolderFiles(
  location: string,
  paths: ReadonlySet<string>,
  wanted: ModelDType | undefined,
): { readonly dtype: ModelDType; readonly files: readonly string[] } {
  const present = dtypes.filter((dtype) => paths.has(graphPath(dtype)));
  // As a CPU prefers them: which device it will be is not known yet, and all of them run these.
  const dtype =
    wanted ??
    preferredDTypes({ device: "cpu", reason: "every device runs them" }).find((each) => present.includes(each));
  if (dtype === undefined || !present.includes(dtype)) {
    throw new DynamoError("unsupported", `${location} has ${present.join(", ")}; expected ${wanted ?? "a dtype"}`);
  }
  const graph = graphPath(dtype);
  return {
    dtype,
    files: [...texts, maskPath, conditionalPath, graph, `${graph}_data`].filter((path) => paths.has(path)),
  };
}

/**
 * Of a checkpoint: the texts and the safetensors. `shards`: those that the index names, where there is one. Throws
 * `unsupported` when the weights are there only as pickles, `not-found` when there are none.
 */
export function checkpointFiles(
  location: string,
  paths: ReadonlySet<string>,
  shards: readonly string[] | undefined,
): readonly string[] {
  const around = textFiles(paths);
  if (paths.has(single)) return [...around, single];
  if (shards !== undefined) {
    const missing = shards.find((shard) => !paths.has(shard));
    if (missing === undefined) return [...around, shardIndex, ...shards];
    throw new DynamoError("not-found", `${location}: shard ${missing} of ${shardIndex} is missing`);
  }
  const pickle = [...paths].find(isPickle);
  if (pickle !== undefined) throw pickleError(location, pickle);
  throw new DynamoError("not-found", `${location} has neither ${single} nor ${shardIndex}`);
}

/** Of Medusa heads, which have a file of their own or are a checkpoint by its files; throws as `checkpointFiles` does. */
export function medusaFiles(
  location: string,
  paths: ReadonlySet<string>,
  shards: readonly string[] | undefined,
): readonly string[] {
  if (paths.has(medusaFile)) return [...textFiles(paths), medusaFile];
  const pickle = hasSafetensors(paths) ? undefined : medusaPickles.find((path) => paths.has(path));
  if (pickle !== undefined) throw medusaPickleError(location, pickle);
  return checkpointFiles(location, paths, shards);
}
