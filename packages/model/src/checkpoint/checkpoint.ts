/** Reads a checkpoint in Hugging Face form: config.json and safetensors, in one file or in shards. Trusts nothing. */
import { DynamoError, type ModelFiles } from "@dynamo/core";
import { checkValue } from "@dynamo/core/options";
import { filesCheck } from "../arguments.js";
import { architectureOf, headKindOf, maxTokenHeads, parseConfig, type ModelConfig } from "../architectures/config.js";
import { readJson } from "../folder/files.js";
import { limits } from "../folder/model-folder.js";
import { readTensorIndex, type PlacedTensor, type TensorIndex } from "./tensor-index.js";
import { baseShapes, headPrefix, headShapes, type Shapes } from "../architectures/tensor-names.js";
import { checkTensors, readTensor } from "./read-tensor.js";

/** An opened checkpoint: its configuration and tensors. */
export interface Checkpoint {
  readonly config: ModelConfig;
  readonly files: ModelFiles;
  /** Token heads from 2 on whose tensors are there, whatever number of heads the config names. */
  readonly trainedHeads: readonly number[];
  /** The base model's and these heads' tensors by their full names, in the order of the layers. */
  readonly shapes: Shapes;
  has(name: string): boolean;
  /**
   * One tensor as float32, read from the file at each call. Throws `invalid-file` for NaN and infinite weights,
   * `not-found` for tensors that are not in `shapes`.
   */
  read(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}

/**
 * Takes over `files`: closing the checkpoint closes them, and so does a failure to open it. Tensors that the config does
 * not ask for, such as the buffers in older exports (attention.bias, rotary_emb.inv_freq), are ignored.
 * Throws `not-found` for missing files, `invalid-file` when files are damaged or disagree with each other or the config.
 */
export async function openCheckpoint(files: ModelFiles): Promise<Checkpoint> {
  checkValue("files", files, filesCheck);
  try {
    const config = parseConfig(await readJson(files, "config.json", limits.json));
    return checkpointOf(files, config, await readTensorIndex(files));
  } catch (error) {
    await files.close?.();
    throw error;
  }
}

function checkpointOf(files: ModelFiles, config: ModelConfig, index: TensorIndex): Checkpoint {
  const heads = Array.from({ length: maxTokenHeads - 1 }, (_, i) => i + 2);
  const isThere = (head: number): boolean => [...index.keys()].some((name) => name.startsWith(`${headPrefix(head)}.`));
  const isShared = headKindOf(config).input === "pairs";
  const trainedHeads = heads.filter((head) => isThere(isShared ? 2 : head));
  const shapes = new Map([...baseShapes(config), ...trainedHeads.flatMap((head) => [...headShapes(config, head)])]);
  const { prefix, outputEmbedding } = architectureOf(config);
  const find = (name: string): PlacedTensor | undefined => {
    if (!shapes.has(name)) return undefined;
    const found = index.get(name);
    if (found !== undefined) return found;
    // Exports of the base model alone leave the prefix out, and transformers 5 has one name for every family's output.
    if (name === `${outputEmbedding}.weight`) return index.get("lm_head.weight");
    return name.startsWith(prefix) ? index.get(name.slice(prefix.length)) : undefined;
  };
  checkTensors(files.location, shapes, find);
  return {
    config,
    files,
    trainedHeads,
    shapes,
    has: (name) => find(name) !== undefined,
    async read(name) {
      const tensor = find(name);
      if (tensor === undefined) throw new DynamoError("not-found", `${files.location}: no tensor ${name}`);
      return readTensor(files, name, tensor);
    },
    close: () => files.close?.() ?? Promise.resolve(),
  };
}

/** A tokenizer may be smaller than the model's (padded) vocabulary, never larger. */
export function checkTokenizerFits(vocabularySize: number, config: ModelConfig): void {
  if (vocabularySize > config.vocabularySize) {
    throw new DynamoError(
      "invalid-file",
      `the tokenizer does not fit the model: expected at most vocab_size ${config.vocabularySize} tokens, received ${vocabularySize}`,
    );
  }
}
