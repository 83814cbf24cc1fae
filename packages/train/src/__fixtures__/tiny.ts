/** The smallest models, batches and datasets that training can be tested on. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initialTensor, parseConfig, type ModelConfig } from "@dynamo/model";
import type { TokenRows } from "../batch.js";
import { byteTokenizer, endOfText } from "../data/__fixtures__/byte-tokenizer.js";
import { prepareDataset } from "../data/index.js";
import { modelShapes } from "../graph/model-shapes.js";
import { parseTrainingConfig, type TrainingConfig, type TrainingConfigInput } from "../run/start/training-config.js";
import type { TrainerOptions } from "../trainer.js";

export const byteVocabulary = endOfText + 1;

export function tinyModel({ tokenHeads = 2, vocabulary = 19, hiddenSize = 16 } = {}): ModelConfig {
  return parseConfig({
    architectures: ["GPTNeoXForCausalLM"],
    model_type: "gpt_neox",
    vocab_size: vocabulary,
    hidden_size: hiddenSize,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 4 * hiddenSize,
    rotary_pct: 0.5,
    max_position_embeddings: 64,
    dynamo: { token_heads: tokenHeads },
  });
}

/** Initial weights of a model, as a trainer takes them. */
export function initialWeights(config: ModelConfig, seed = 1): (name: string) => Promise<Float32Array> {
  const shapes = modelShapes(config);
  return (name) => Promise.resolve(initialTensor(name, shapes.get(name) as readonly number[], seed));
}

export const trainerOptions = (changes: Partial<TrainerOptions> = {}): TrainerOptions => ({
  batch: 2,
  sequence: 8,
  microBatches: 1,
  train: "all",
  stemGradientScale: 0.1,
  headWeights: [1, 1],
  weightDecay: 0.01,
  decayAll: false,
  adamw: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, clipNorm: 1 },
  ...changes,
});

/** Rows of a sequence that repeats, each begun somewhere else. */
export function countingRows(batch: number, length: number, vocabulary: number, seed = 0): TokenRows {
  const tokens = Int32Array.from(
    { length: batch * length },
    (_, i) => ((i % length) * 3 + Math.floor(i / length) * 7 + seed) % vocabulary,
  );
  return { tokens };
}

/** Documents of some hundred bytes: words in an order that a seed decides. */
export function story(documents: number, seed = 1): string {
  const words = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "red", "birds", "fly", "over", "it"];
  let state = seed;
  const next = (): string => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return words[(state >>> 8) % words.length] as string;
  };
  const document = (): string => Array.from({ length: 60 }, next).join(" ");
  return Array.from({ length: documents }, document).join("<|endoftext|>");
}

export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), "dynamo-train-"));

/** A dataset of bytes in a folder; returns its path. */
export async function byteDataset(
  folder: string,
  { text = story(60), heldOutFraction = 0.2, name = "data" } = {},
): Promise<string> {
  const [file, out] = [join(folder, `${name}.txt`), join(folder, name)];
  writeFileSync(file, text);
  const sources = [{ name: "text", files: [file] }];
  await prepareDataset({ sources, tokenizerJson: byteTokenizer(), endOfText, out, heldOutFraction, workers: 1 });
  return out;
}

/** A run of seconds on a dataset of bytes. */
export function tinyRun(dataset: string, changes: Partial<TrainingConfigInput> = {}): TrainingConfig {
  return parseTrainingConfig({
    architecture: { hiddenSize: 16, layers: 2, attentionHeads: 2, contextLength: 64 },
    tokenHeads: 2,
    dataset,
    steps: 8,
    batch: 2,
    sequence: 16,
    learningRate: 3e-3,
    evaluateEvery: 4,
    evaluationBatches: 2,
    checkpointEvery: 2,
    ...changes,
  });
}

/** max |a_i - b_i| */
export const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] as number))));
