/** A model's first value, from token ids int32 [B, S] and their positions int64 [B, S]: [B, S, hidden]. */
import type { GraphBuilder, Value } from "@dynamo/onnx";
import type { GraphContext } from "./context.js";
import { activationType, embedding, encodeFloats } from "./weights.js";

export function embed(graph: GraphBuilder, context: GraphContext, tokens: Value, positionIds: () => Value): Value {
  const { architecture, precision } = context;
  const { contextLength } = architecture;
  const type = activationType(precision);
  return architecture.embed<Value>({
    tokens: (tensor) => rows(graph, context, tensor, tokens),
    positions: (tensor) => rows(graph, context, tensor, positionIds(), contextLength),
    add: (a, b) => graph.op("Add", [a, b]),
    scale: (x, factor) =>
      graph.op("Mul", [x, graph.float(factor, type, (value) => encodeFloats(Float32Array.of(value), type))]),
  });
}

/** The tokens' rows of the embedding alone, [B, n, hidden]. */
export const tokenRows = (graph: GraphBuilder, context: GraphContext, tokens: Value): Value =>
  rows(graph, context, context.architecture.embedding, tokens);

function rows(
  graph: GraphBuilder,
  { architecture, precision, read }: GraphContext,
  tensor: string,
  ids: Value,
  outputs = architecture.vocabularySize,
): Value {
  const { hiddenSize, tiedEmbeddings } = architecture;
  const isTable = tiedEmbeddings && tensor === architecture.embedding;
  const table = { name: tensor, inputs: hiddenSize, outputs, load: () => read(`${tensor}.weight`), isTable };
  return embedding(graph, ids, table, precision);
}
