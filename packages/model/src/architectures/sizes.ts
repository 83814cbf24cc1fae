/** The sizes that config.json names alike in most families. */
import type { JsonReader } from "./json-reader.js";

/** Far beyond any published model; they stop a hostile config before it asks for memory. */
export const caps = {
  vocabulary: 2 ** 20,
  hidden: 2 ** 16,
  layers: 512,
  heads: 1024,
  intermediate: 2 ** 19,
  context: 2 ** 20,
} as const;

export interface Sizes {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly layerCount: number;
  readonly heads: number;
  readonly contextLength: number;
}

export const readSizes = (json: JsonReader): Sizes => ({
  vocabularySize: json.whole("vocab_size", 1, caps.vocabulary),
  hiddenSize: json.whole("hidden_size", 1, caps.hidden),
  layerCount: json.whole("num_hidden_layers", 1, caps.layers),
  heads: json.whole("num_attention_heads", 1, caps.heads),
  contextLength: json.whole("max_position_embeddings", 1, caps.context),
});

/** hidden_size / num_attention_heads, which must be whole. */
export function dividedHeads(json: JsonReader, { hiddenSize, heads }: Pick<Sizes, "hiddenSize" | "heads">): number {
  const headSize = hiddenSize / heads;
  if (!Number.isInteger(headSize))
    json.fail(`hidden_size ${hiddenSize} is no multiple of num_attention_heads ${heads}`);
  return headSize;
}

/** num_key_value_heads, which must divide the heads. */
export function readKeyValueHeads(json: JsonReader, heads: number, fallback: number): number {
  const keyValueHeads = json.whole("num_key_value_heads", 1, heads, fallback);
  if (heads % keyValueHeads !== 0)
    json.fail(`num_attention_heads ${heads} is no multiple of num_key_value_heads ${keyValueHeads}`);
  return keyValueHeads;
}
