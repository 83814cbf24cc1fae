/** The tensors of a checkpoint: the base model's as Hugging Face writes them, and those of its token heads. */
import { checkValue, text, whole } from "@dynamo/core/options";
import { configCheck } from "./config-check.js";
import { architectureOf, headKindOf, type ModelConfig } from "./config.js";
import type { Architecture, EmbeddingOperations, Layer } from "./architecture.js";
import { conditionalShapes } from "./conditional.js";
import { layerShapes, normShapes, type Shapes } from "./layer-tensors.js";

export type { Shapes } from "./layer-tensors.js";

const prefixed = (shapes: Shapes, prefix: string): [string, readonly number[]][] =>
  [...shapes].map(([name, shape]) => [`${prefix}.${name}`, shape]);

/** The base model's tensors. */
export function baseShapes(config: ModelConfig): Shapes {
  checkValue("config", config, configCheck);
  const architecture = architectureOf(config);
  const { vocabularySize, hiddenSize, tiedEmbeddings, layers, finalNorm, outputEmbedding } = architecture;
  return new Map([
    ...embeddingShapes(architecture),
    ...layers.flatMap((layer, i) => prefixed(layerShapes(layer), architecture.layerPrefix(i))),
    ...normShapes(finalNorm),
    ...(tiedEmbeddings ? [] : ([[`${outputEmbedding}.weight`, [vocabularySize, hiddenSize]]] as const)),
  ]);
}

function embeddingShapes({ vocabularySize, contextLength, hiddenSize, embed }: Architecture): [string, number[]][] {
  const shapes: [string, number[]][] = [];
  const operations: EmbeddingOperations<undefined> = {
    tokens: (tensor) => void shapes.push([`${tensor}.weight`, [vocabularySize, hiddenSize]]),
    positions: (tensor) => void shapes.push([`${tensor}.weight`, [contextLength, hiddenSize]]),
    add: () => undefined,
    scale: () => undefined,
  };
  embed(operations);
  return shapes;
}

/** The layer that token heads from the second on are made of. */
export const headLayer = (config: ModelConfig): Layer => headKindOf(config).layer(architectureOf(config));

/** What the tensors' names of a token head (2 or more) begin with. */
export function headPrefix(head: number): string {
  checkValue("head", head, whole(2));
  return `dynamo.token_heads.${head}`;
}

/** Where a layer of token head n has its tensors, layers from 0: a head's only layer stands in the head itself. */
export function headLayerPrefix(config: ModelConfig, head: number, layer: number): string {
  checkValue("config", config, configCheck);
  checkValue("layer", layer, whole(0));
  return config.headLayers === 1 ? headPrefix(head) : `${headPrefix(head)}.layers.${layer}`;
}

/** Token head n's tensors, n from 2, its conditional part's among them. A module that all heads share is head 2's. */
export function headShapes(config: ModelConfig, head: number): Shapes {
  checkValue("config", config, configCheck);
  const { moduleShapes } = headKindOf(config);
  if (moduleShapes !== undefined && head > 2) return new Map();
  const layers = Array.from({ length: config.headLayers }, (_, layer) => headLayerPrefix(config, head, layer));
  return new Map([
    ...layers.flatMap((prefix) => prefixed(layerShapes(headLayer(config)), prefix)),
    ...(moduleShapes === undefined ? [] : prefixed(new Map(moduleShapes(architectureOf(config))), headPrefix(head))),
    ...(config.ownOutputEmbedding
      ? ([[headEmbedding(head), [config.vocabularySize, config.hiddenSize]]] as const)
      : []),
    ...(config.conditional === undefined ? [] : conditionalShapes(head, config.conditional, config)),
  ]);
}

const headEmbedding = (head: number): string => `${headPrefix(head)}.embed_out.weight`;

/** The tensor of the checkpoint that makes token head n's logits, n from 1: with tied embeddings the embedding itself. */
export function outputEmbedding(config: ModelConfig, head: number): string {
  checkValue("config", config, configCheck);
  checkValue("head", head, whole(1));
  if (config.ownOutputEmbedding && head > 1) return headEmbedding(head);
  const { embedding, outputEmbedding: own, tiedEmbeddings } = architectureOf(config);
  return `${tiedEmbeddings ? embedding : own}.weight`;
}

/** Whether a tensor is a head's own output embedding, which begins as a copy of the base's. */
export function isHeadEmbedding(name: string): boolean {
  checkValue("name", name, text);
  return /^dynamo\.token_heads\.\d+\.embed_out\.weight$/.test(name);
}
