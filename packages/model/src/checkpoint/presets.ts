/** The Pythia suite's shapes, and how many parameters a model has with more token heads. */
import { checkValue, oneOf } from "@dynamo/core/options";
import { configCheck, tokenHeadsCheck } from "../arguments.js";
import { elementCount } from "@dynamo/core";
import { parseConfig, type ModelConfig } from "../architectures/config.js";
import { neoxConfigJson } from "../architectures/gpt-neox-size.js";
import { baseShapes, headShapes, type Shapes } from "../architectures/tensor-names.js";

type Shape = readonly [vocabulary: number, layers: number, hidden: number, heads: number];

/** As published: https://github.com/EleutherAI/pythia. The tokenizer's 50,277 tokens are padded for the training set-up. */
const suite = {
  "14M": [50_304, 6, 128, 4],
  "31M": [50_304, 6, 256, 8],
  "70M": [50_304, 6, 512, 8],
  "160M": [50_304, 12, 768, 12],
  "410M": [50_304, 24, 1024, 16],
  "1B": [50_304, 16, 2048, 8],
  "1.4B": [50_304, 24, 2048, 16],
  "2.8B": [50_304, 32, 2560, 32],
  "6.9B": [50_432, 32, 4096, 32],
  "12B": [50_688, 36, 5120, 40],
} as const satisfies Record<string, Shape>;

/** The name of a model of the Pythia suite. */
export type PresetName = keyof typeof suite;
/** The names of the Pythia suite's models. */
export const presetNames = Object.keys(suite) as readonly PresetName[];

/** config.json of a Pythia model, with N token heads. */
export function presets(name: PresetName, tokenHeads = 1): ModelConfig {
  checkValue("name", name, oneOf(...presetNames));
  checkValue("tokenHeads", tokenHeads, tokenHeadsCheck);
  const [vocabularySize, layers, hiddenSize, attentionHeads] = suite[name];
  const size = { vocabularySize, hiddenSize, layers, attentionHeads, contextLength: 2048, tokenHeads };
  return parseConfig(neoxConfigJson(size));
}

const count = (shapes: Shapes): number => [...shapes.values()].reduce((sum, shape) => sum + elementCount(shape), 0);

/** All parameters, embeddings included; each head from the second on adds its own decoder layers. */
export function parameterCount(config: ModelConfig, tokenHeads: number): number {
  checkValue("config", config, configCheck);
  checkValue("tokenHeads", tokenHeads, tokenHeadsCheck);
  const heads = Array.from({ length: tokenHeads - 1 }, (_, i) => count(headShapes(config, i + 2)));
  return heads.reduce((sum, each) => sum + each, count(baseShapes(config)));
}

/**
 * Parameters of heads 2..N over the base model's, both embeddings included. This definition gives the paper's range for
 * three heads, 9.95 % (1B) to 5.67 % (2.8B).
 */
export function parameterOverhead(config: ModelConfig, tokenHeads: number): number {
  return parameterCount(config, tokenHeads) / parameterCount(config, 1) - 1;
}
