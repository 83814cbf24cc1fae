/**
 * Multi-token-prediction modules, in Qwen 3 Next's, MiMo's and DeepSeek's form: one decoder layer over the base's state and the
 * next token's embedding, which is applied again for each further head. Its heads are conditional: each knows the tokens between.
 */
import { lastAttending, type Architecture, type Norm } from "../architecture.js";
import { normShapes } from "../layer-tensors.js";
import type { HeadKind } from "./head-kind.js";

/** The norms of a module, by the names of their tensors inside it. */
export interface ModuleNorms {
  readonly embedding: Norm;
  readonly hidden: Norm;
  /** In front of the base's output embedding. */
  readonly output: Norm;
}

/** They are of the base's own kind. */
export function moduleNorms({ finalNorm }: Architecture): ModuleNorms {
  const norm = (tensor: string): Norm => ({ ...finalNorm, tensor, scale: 1 });
  return { embedding: norm("embedding_norm"), hidden: norm("hidden_norm"), output: norm("output_norm") };
}

/** The product of [embedding, hidden], [hidden, 2 · hidden] without bias. */
export const moduleProjection = "projection.weight";

const module = {
  layerName: ["MTP module", "MTP modules"],
  maxLayers: 1,
  input: "pairs",
  layer: lastAttending,
  moduleShapes: (architecture) => [
    ...Object.values(moduleNorms(architecture)).flatMap(normShapes),
    [moduleProjection, [architecture.hiddenSize, 2 * architecture.hiddenSize]],
  ],
} as const satisfies Partial<HeadKind>;

/** A further head takes the module's output behind its norm. */
export const mtp: HeadKind = { ...module, name: "mtp", feedback: "normed" };
/** A further head takes the output of the module's layer. */
export const deepseekMtp: HeadKind = { ...module, name: "deepseek-mtp", feedback: "layer" };
