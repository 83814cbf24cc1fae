/** From the heads' last states to logits: ONE output embedding for all heads, or one each. */
import type { GraphBuilder, Value } from "@dynamo/onnx";
import type { ModelConfig } from "../architectures/config.js";
import { outputEmbedding } from "../architectures/tensor-names.js";
import { normWithGain } from "./context.js";
import type { ReadTensor } from "./product-weights.js";
import { softCapped } from "./soft-cap.js";
import type { ModelContext } from "./token-heads.js";
import { activationType, linear, type LinearWeights } from "./weights.js";

type LogitsContext = Pick<ModelContext, "config" | "architecture" | "precision" | "read">;

/** The final norm of heads' states [B, P, n, hidden]. */
export const finalNorm = (graph: GraphBuilder, context: LogitsContext, states: Value): Value =>
  normWithGain(graph.scope("embed_out"), context, states, context.architecture.finalNorm, {
    name: "final_norm",
    read: context.read,
  });

/** Products of heads' states behind the final norm, [B, P, n, hidden], with the output embedding: [B, P, n, V]. */
export function outputProducts(
  graph: GraphBuilder,
  context: LogitsContext,
  normalised: Value,
  allHeads: Value | undefined,
): Value {
  const { config, precision, read } = context;
  const scope = graph.scope("embed_out");
  return config.ownOutputEmbedding && allHeads !== undefined
    ? ownEmbeddings(scope, context, normalised, allHeads)
    : linear(scope, normalised, embeddingWeights(config, read, 1), precision);
}

/** The graph's outputs of all heads' products, [B, P, n, V]: logits, and the likeliest tokens. */
export function logitOutputs(
  graph: GraphBuilder,
  { config, architecture, precision }: LogitsContext,
  product: Value,
  topK: Value,
): void {
  const scope = graph.scope("embed_out");
  const floats = precision.dtype === "fp16" ? scope.cast(product, "float32") : product;
  const logits = softCapped(scope, floats, architecture.logitCap);
  const k = scope.cast(topK, "int64");
  const [values, indices] = scope.ops("TopK", [logits, k], 2, { attributes: { axis: -1 } }) as [Value, Value];
  graph.output("top_ids", scope.cast(indices, "int32"), "int32", ["B", "P", "n", "k"]);
  graph.output("top_logits", values, "float32", ["B", "P", "n", "k"]);
  graph.output("log_sum_exp", logSumExp(scope, logits, values, indices), "float32", ["B", "P", "n"]);
  graph.output("logits", logits, "float32", ["B", "P", "n", config.vocabularySize]);
}

/** The output embedding that token head n has. */
function embeddingWeights(config: ModelConfig, read: ReadTensor, head: number): LinearWeights {
  const tensor = outputEmbedding(config, head);
  return {
    name: tensor.replace(/\.weight$/, ""),
    inputs: config.hiddenSize,
    outputs: config.vocabularySize,
    load: () => read(tensor),
    isTable: config.tiedEmbeddings && tensor === outputEmbedding(config, 1),
  };
}

/** Heads' states [B, P, n, hidden] by an embedding each; those of heads 2..N are read only when all heads run. */
function ownEmbeddings(
  graph: GraphBuilder,
  { config, precision, read }: LogitsContext,
  normalised: Value,
  allHeads: Value,
): Value {
  const ofHead = (inner: GraphBuilder, head: number): Value => {
    const state = inner.op("Slice", [normalised, inner.ints([head - 1]), inner.ints([head]), inner.ints([2])]);
    return linear(inner.scope(`head_${head}`), state, embeddingWeights(config, read, head), precision);
  };
  const dtype = activationType(precision);
  const first = ofHead(graph, 1);
  const then = graph.subgraph("own_embeddings", (inner) => {
    const others = Array.from({ length: config.tokenHeads - 1 }, (_, i) => ofHead(inner, i + 2));
    return [{ value: inner.op("Concat", others, { attributes: { axis: 2 } }), dtype }];
  });
  const otherwise = graph.subgraph("no_own_embeddings", (inner) => [
    { value: inner.op("Slice", [first, inner.ints([0]), inner.ints([0]), inner.ints([2])]), dtype },
  ]);
  const others = graph.op("If", [allHeads], { attributes: { then_branch: then, else_branch: otherwise } });
  return graph.op("Concat", [first, others], { attributes: { axis: 2 } });
}

/**
 * log Σ exp(logits) = the largest logit - log of its softmax: the softmax kernel is several times quicker than
 * ReduceLogSumExp. The largest probability is at least 1/V, so nothing is lost to rounding.
 */
function logSumExp(graph: GraphBuilder, logits: Value, topLogits: Value, topIndices: Value): Value {
  const first = (value: Value): Value => graph.op("Slice", [value, graph.ints([0]), graph.ints([1]), graph.ints([-1])]);
  const probabilities = graph.op("Softmax", [logits], { attributes: { axis: -1 } });
  const largest = graph.op("GatherElements", [probabilities, first(topIndices)], { attributes: { axis: -1 } });
  return graph.op("Squeeze", [graph.op("Sub", [first(topLogits), graph.op("Log", [largest])]), graph.ints([-1])]);
}
