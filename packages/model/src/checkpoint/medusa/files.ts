/** The files of published Medusa heads: safetensors by several names, and a config.json that may be missing. */
import { DynamoError, type ModelFiles } from "@dynamo/core";
import type { ModelConfig } from "../../architectures/config.js";
import { isObject, jsonReader, show, type JsonReader } from "../../architectures/json-reader.js";
import { readJson } from "../../folder/files.js";
import { limits } from "../../folder/model-folder.js";
import { readHeader, readTensorIndex, type PlacedTensor, type TensorIndex } from "../tensor-index.js";

/** text-generation-inference's name for FasterDecoding's file. */
export const medusaFile = "medusa_lm_head.safetensors";
export const medusaPickles = ["medusa_lm_head.pt", "pytorch_model.bin", "pytorch_model.pt"];

export const medusaPickleError = (location: string, pickle: string): DynamoError =>
  new DynamoError(
    "unsupported",
    `${location}: expected ${medusaFile} or model.safetensors, received ${pickle}, a pickle, which runs code when it is read: write its state dict with safetensors.torch.save_file`,
  );

/** Throws `unsupported` where there are pickles alone. */
export async function medusaIndex(files: ModelFiles): Promise<TensorIndex> {
  if ((await files.size(medusaFile)) !== undefined) {
    const tensors = await readHeader(files, medusaFile);
    return new Map([...tensors].map(([name, entry]): [string, PlacedTensor] => [name, { ...entry, file: medusaFile }]));
  }
  const hasOther = (await files.size("model.safetensors")) ?? (await files.size("model.safetensors.index.json"));
  for (const pickle of hasOther === undefined ? medusaPickles : []) {
    if ((await files.size(pickle)) === undefined) continue;
    throw medusaPickleError(files.location, pickle);
  }
  return readTensorIndex(files);
}

/** What config.json beside the heads says of them. */
export interface MedusaSettings {
  /** Undefined where it does not say. */
  readonly heads: number | undefined;
  readonly blocks: number | undefined;
  /** Whether all heads have the base's output embedding, which vLLM's files may hold as the first head's. */
  readonly sharesOutput: boolean;
  /** A factor of the logits. */
  readonly scale: number;
}

/** Throws `invalid-file` for heads of a base of another size. */
export async function medusaSettings(files: ModelFiles, base: ModelConfig): Promise<MedusaSettings> {
  if ((await files.size("config.json")) === undefined)
    return { heads: undefined, blocks: undefined, sharesOutput: false, scale: 1 };
  const raw = await readJson(files, "config.json", limits.json);
  if (!isObject(raw)) throw new DynamoError("invalid-file", `${files.location}/config.json: expected an object`);
  const json = jsonReader(raw, `${files.location}: `);
  const expectBase = (key: string, size: number): void => {
    const received = json.any(key) ?? size;
    if (received !== size) json.fail(`${json.path}${key}: expected the base's, ${size}, received ${show(received)}`);
  };
  expectBase("vocab_size", base.vocabularySize);
  expectBase("hidden_size", base.hiddenSize);
  json.refuse("truncated_vocab_size", "the heads' own vocabulary", (size) => size === base.vocabularySize);
  return {
    heads: count(json, ["medusa_num_heads", "num_heads"]),
    blocks: count(json, ["medusa_num_layers", "num_layers", "num_hidden_layers"]),
    sharesOutput: json.flag("original_lm_head", false),
    scale: json.positive("logit_scale", 1),
  };
}

function count(json: JsonReader, keys: readonly string[]): number | undefined {
  const key = keys.find((each) => json.has(each));
  return key === undefined ? undefined : json.whole(key, 1, 64);
}
