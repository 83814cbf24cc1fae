/** Which tensor stands in which file of a checkpoint: model.safetensors, or shards with their index. */
import { checkInside, DynamoError, type ModelFiles } from "@dynamo/core";
import { checkValue } from "@dynamo/core/options";
import { headerByteLength, parseSafetensorsHeader, type SafetensorsEntry } from "@dynamo/core/safetensors";
import { filesCheck } from "../arguments.js";
import { readJson } from "../folder/files.js";
import { pickleError, usualPickles } from "./pickles.js";
import { limits } from "../folder/model-folder.js";

/** A tensor and the file that holds it. */
export interface PlacedTensor extends SafetensorsEntry {
  readonly file: string;
}
/** A checkpoint's tensors by name. */
export type TensorIndex = ReadonlyMap<string, PlacedTensor>;

/** Far more than published models have (hundreds); each is a file that stays open. */
const maxShards = 1024;
const single = "model.safetensors";
const indexFile = "model.safetensors.index.json";

/** Throws `not-found` for missing weight files, `invalid-file` for damaged ones and for an index that says otherwise. */
export async function readTensorIndex(files: ModelFiles): Promise<TensorIndex> {
  checkValue("files", files, filesCheck);
  const tensors = new Map<string, PlacedTensor>();
  const promised = (await files.size(single)) === undefined ? await readWeightMap(files) : undefined;
  for (const file of promised === undefined ? [single] : new Set(promised.values())) {
    for (const [name, entry] of await readHeader(files, file)) {
      const before = tensors.get(name);
      if (before !== undefined) {
        throw new DynamoError(
          "invalid-file",
          `${files.location}: tensor ${name} stands in both ${before.file} and ${file}`,
        );
      }
      tensors.set(name, { ...entry, file });
    }
  }
  for (const [name, file] of promised ?? []) {
    if (tensors.get(name)?.file === file) continue;
    const found = tensors.get(name)?.file ?? "no file";
    throw new DynamoError(
      "invalid-file",
      `${files.location}: ${indexFile} puts ${name} into ${file}, it is in ${found}`,
    );
  }
  return tensors;
}

/** Tensors' names → shards. */
async function readWeightMap(files: ModelFiles): Promise<ReadonlyMap<string, string>> {
  if ((await files.size(indexFile)) === undefined) {
    for (const path of usualPickles) {
      if ((await files.size(path)) !== undefined) throw pickleError(files.location, path);
    }
    throw new DynamoError("not-found", `${files.location} has neither ${single} nor ${indexFile}`);
  }
  return weightMap(await readJson(files, indexFile, limits.json), files.location);
}

function weightMap(json: unknown, location: string): ReadonlyMap<string, string> {
  const entries = Object.entries((json as { weight_map?: unknown } | null)?.weight_map ?? {});
  if (entries.length === 0 || !entries.every((entry): entry is [string, string] => typeof entry[1] === "string")) {
    throw new DynamoError("invalid-file", `${location}: expected a weight_map from tensors to files in ${indexFile}`);
  }
  const shards = new Set(entries.map(([, file]) => file));
  if (shards.size > maxShards) {
    throw new DynamoError("invalid-file", `${location}: expected at most ${maxShards} shards, received ${shards.size}`);
  }
  for (const shard of shards) checkInside(shard);
  return new Map(entries);
}

/** The files that a parsed model.safetensors.index.json names. */
export const shardsOf = (json: unknown, location: string): readonly string[] => [
  ...new Set(weightMap(json, location).values()),
];

/** The tensors of one file. */
export async function readHeader(files: ModelFiles, file: string): Promise<ReadonlyMap<string, SafetensorsEntry>> {
  const bytes = await files.size(file);
  if (bytes === undefined) throw new DynamoError("not-found", `${files.location}: shard ${file} is missing`);
  try {
    const length = headerByteLength(await files.readRange(file, 0, Math.min(8, bytes)), bytes);
    return parseSafetensorsHeader(await files.readRange(file, 0, 8 + length), bytes).tensors;
  } catch (cause) {
    if (!DynamoError.is(cause)) throw cause;
    throw new DynamoError(cause.code, `${files.location}/${file}: ${cause.message}`, { cause });
  }
}
