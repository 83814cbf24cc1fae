/** What a conversion makes of a checkpoint: graphs whose weights are read when they are written. */
import type { OnnxModel } from "@dynamo/onnx";
import type { ModelConfig } from "../architectures/config.js";
import { headShapes, isHeadEmbedding, outputEmbedding } from "../architectures/tensor-names.js";
import { buildGraph } from "../graph/graph.js";
import { encodeConditional } from "../conditional/conditional-file.js";
import type { ReadTensor } from "../graph/product-weights.js";
import { isPacked, type ModelDType, type Precision } from "../graph/precision.js";
import type { Checkpoint } from "./checkpoint.js";
import { configKey } from "../folder/made-for.js";
import { configJson } from "./config-json.js";
import { initialTensor } from "./initial-weights.js";

/** Raised when graphs change: what an older version converted and kept is converted again. */
export const conversionVersion = "2";

export interface ConversionSettings {
  /** Default: the checkpoint's own. */
  readonly tokenHeads?: number | undefined;
  readonly dtypes: readonly ModelDType[];
  readonly activations: Precision["activations"];
  /** Of heads that the checkpoint lacks. */
  readonly seed: number;
}

export interface Conversion {
  readonly config: ModelConfig;
  readonly models: readonly { readonly dtype: ModelDType; readonly model: OnnxModel }[];
  /** The bytes of conditional.safetensors, for a model that has it. */
  readonly conditional: (() => Promise<Uint8Array>) | undefined;
}

/** One graph per dtype. The checkpoint stays open until they are written. */
export function conversionOf(
  checkpoint: Checkpoint,
  { tokenHeads, dtypes, activations, seed }: ConversionSettings,
): Conversion {
  const config = withHeads(checkpoint, tokenHeads);
  const read = readerOf(checkpoint, config, seed);
  const models = [...new Set(dtypes)].map((dtype) => ({
    dtype,
    model: buildGraph(config, { dtype, activations }, read, metadataOf(config, dtype, activations)),
  }));
  const hasConditional = config.conditional !== undefined && config.tokenHeads > 1;
  return { config, models, conditional: hasConditional ? () => encodeConditional(config, read) : undefined };
}

/** The config with N heads, and which of them no checkpoint has ever trained. */
function withHeads({ config, trainedHeads }: Checkpoint, tokenHeads = config.tokenHeads): ModelConfig {
  const extra = Array.from({ length: tokenHeads - 1 }, (_, i) => i + 2);
  const untrainedHeads = extra.filter((head) => !trainedHeads.includes(head) || config.untrainedHeads.includes(head));
  return { ...config, tokenHeads, untrainedHeads };
}

/** Reads the checkpoint, or makes the tensors of heads that it does not have. */
function readerOf(checkpoint: Checkpoint, config: ModelConfig, seed: number): ReadTensor {
  const heads = new Map(config.untrainedHeads.flatMap((head) => [...headShapes(config, head)]));
  return (name) => {
    const shape = checkpoint.has(name) ? undefined : heads.get(name);
    if (shape !== undefined && isHeadEmbedding(name)) return checkpoint.read(outputEmbedding(config, 1));
    return shape === undefined ? checkpoint.read(name) : Promise.resolve(initialTensor(name, shape, seed));
  };
}

function metadataOf(config: ModelConfig, dtype: ModelDType, activations: string): Record<string, string> {
  return {
    [configKey]: JSON.stringify(configJson(config)),
    "dynamo.token_heads": String(config.tokenHeads),
    ...(config.headKind === "decoder" ? {} : { "dynamo.head_kind": config.headKind }),
    "dynamo.untrained_heads": config.untrainedHeads.join(","),
    "dynamo.dtype": dtype,
    ...(isPacked(dtype) ? { "dynamo.activations": activations } : {}),
  };
}
