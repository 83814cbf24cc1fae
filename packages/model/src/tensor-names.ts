/** The tensors of a GPT-NeoX checkpoint: names and shapes, as Hugging Face writes them. */
import { checkValue, text, whole } from "@dynamo/core/options";
import { configCheck } from "./arguments.js";
import type { NeoxConfig } from "./config.js";

/** Tensors' shapes by name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** One decoder layer's tensors by their names inside the layer. */
export function layerShapes({ hiddenSize: h, intermediateSize: i, attentionBias }: NeoxConfig): Shapes {
  return new Map<string, readonly number[]>([
    ["input_layernorm.weight", [h]],
    ["input_layernorm.bias", [h]],
    ["post_attention_layernorm.weight", [h]],
    ["post_attention_layernorm.bias", [h]],
    ["attention.query_key_value.weight", [3 * h, h]],
    ...(attentionBias ? ([["attention.query_key_value.bias", [3 * h]]] as const) : []),
    ["attention.dense.weight", [h, h]],
    ...(attentionBias ? ([["attention.dense.bias", [h]]] as const) : []),
    ["mlp.dense_h_to_4h.weight", [i, h]],
    ["mlp.dense_h_to_4h.bias", [i]],
    ["mlp.dense_4h_to_h.weight", [h, i]],
    ["mlp.dense_4h_to_h.bias", [h]],
  ]);
}

const prefixed = (shapes: Shapes, prefix: string): [string, readonly number[]][] =>
  [...shapes].map(([name, shape]) => [`${prefix}.${name}`, shape]);

/** The base model's tensors. */
export function baseShapes(config: NeoxConfig): Shapes {
  checkValue("config", config, configCheck);
  const { vocabularySize, hiddenSize, layers, tiedEmbeddings } = config;
  const layer = layerShapes(config);
  return new Map([
    ["gpt_neox.embed_in.weight", [vocabularySize, hiddenSize]],
    ...Array.from({ length: layers }, (_, i) => prefixed(layer, `gpt_neox.layers.${i}`)).flat(),
    ["gpt_neox.final_layer_norm.weight", [hiddenSize]],
    ["gpt_neox.final_layer_norm.bias", [hiddenSize]],
    ...(tiedEmbeddings ? [] : ([["embed_out.weight", [vocabularySize, hiddenSize]]] as const)),
  ]);
}

/** What the tensors' names of a token head (2 or more) begin with. */
export function headPrefix(head: number): string {
  checkValue("head", head, whole(2));
  return `dynamo.token_heads.${head}`;
}

/** Where a layer of token head n has its tensors, layers from 0: a head's only layer stands in the head itself. */
export function headLayerPrefix(config: NeoxConfig, head: number, layer: number): string {
  checkValue("config", config, configCheck);
  checkValue("layer", layer, whole(0));
  return config.headLayers === 1 ? headPrefix(head) : `${headPrefix(head)}.layers.${layer}`;
}

/** Token head n's tensors, n from 2. */
export function headShapes(config: NeoxConfig, head: number): Shapes {
  checkValue("config", config, configCheck);
  const layers = Array.from({ length: config.headLayers }, (_, layer) => headLayerPrefix(config, head, layer));
  return new Map([
    ...layers.flatMap((prefix) => prefixed(layerShapes(config), prefix)),
    ...(config.ownOutputEmbedding
      ? ([[headEmbedding(head), [config.vocabularySize, config.hiddenSize]]] as const)
      : []),
  ]);
}

const headEmbedding = (head: number): string => `${headPrefix(head)}.embed_out.weight`;

/** The tensor that makes token head n's logits, n from 1; tied embeddings are the base's `embed_out.weight` too. */
export function outputEmbedding(config: NeoxConfig, head: number): string {
  checkValue("config", config, configCheck);
  checkValue("head", head, whole(1));
  return config.ownOutputEmbedding && head > 1 ? headEmbedding(head) : "embed_out.weight";
}

/** Whether a tensor is a head's own output embedding, which begins as a copy of the base's. */
export function isHeadEmbedding(name: string): boolean {
  checkValue("name", name, text);
  return /^dynamo\.token_heads\.\d+\.embed_out\.weight$/.test(name);
}
