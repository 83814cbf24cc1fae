/**
 * The stem as a graph of its own, for training heads on a base that lies in no training state: whole sequences, no cache.
 *
 * In:  tokens int32 [B, S]; first_head bool [].
 * Out: hidden float32 [B·S, hidden], the output of all base layers but the last; head_1 float32 [B·S, hidden], the last
 *      layer's, before the final norm; without `first_head` that layer does not run, and head_1 has no rows.
 */
import { graphBuilder, microsoft, type GraphBuilder, type OnnxModel, type Value } from "@dynamo/onnx";
import { splitHeads } from "./attention.js";
import type { NeoxConfig } from "./config.js";
import { joinBranches, normalise } from "./decoder-layers.js";
import { opsets } from "./graph.js";
import { inputProduct, layerReader, outputProduct, type Projection, type ReadTensor } from "./layer-weights.js";
import { rotaryTables, type Rotary } from "./rotary.js";
import { bytesOf, embedding, linear, type Precision } from "./weights.js";

interface Context {
  readonly config: NeoxConfig;
  readonly precision: Precision;
  readonly read: ReadTensor;
  readonly rotary: Rotary;
  /** float32 [S, S]: 0 where a query sees a key, a very low number elsewhere. */
  readonly bias: Value;
}

/** Vanishes in a softmax, and is finite. */
const hidden = -60_000;

/** Base weights are read when the graph is written. `precision` computes in float32: not fp16. */
export function buildStemGraph(config: NeoxConfig, precision: Precision, read: ReadTensor): OnnxModel {
  const graph = graphBuilder("dynamo_stem");
  const tokens = graph.input("tokens", "int32", ["B", "S"]);
  const firstHead = graph.input("first_head", "bool", []);
  const { vocabularySize, hiddenSize, layers } = config;
  const context: Context = {
    config,
    precision,
    read,
    rotary: rotaryTables(graph, config, precision),
    bias: causalBias(graph.scope("bias"), tokens),
  };
  const table = {
    name: "embed_in",
    inputs: hiddenSize,
    outputs: vocabularySize,
    load: () => read("gpt_neox.embed_in.weight"),
  };
  let x = embedding(graph.scope("embed_in"), tokens, table, precision);
  for (let i = 0; i < layers - 1; i++) x = layer(graph.scope(`stem/layers.${i}`), context, x, i);
  const rows = (inner: GraphBuilder, value: Value): Value => inner.op("Reshape", [value, inner.ints([-1, hiddenSize])]);
  graph.output("hidden", rows(graph, x), "float32", ["R", hiddenSize]);
  const first = headOnDemand(graph, context, x, firstHead);
  graph.output("head_1", rows(graph, first), "float32", ["R1", hiddenSize]);
  return { graph: graph.finish(), opsets, metadata: { "dynamo.graph": "stem", "dynamo.dtype": precision.dtype } };
}

/** The last base layer, [1, B, S, hidden], or nothing, [0, B, S, hidden]. */
function headOnDemand(graph: GraphBuilder, context: Context, x: Value, wanted: Value): Value {
  const batches = (inner: GraphBuilder, value: Value): Value => inner.op("Unsqueeze", [value, inner.ints([0])]);
  const then = graph.subgraph("first_head", (inner) => {
    const output = layer(inner.scope("head_1"), context, x, context.config.layers - 1);
    return [{ value: batches(inner, output), dtype: "float32" }];
  });
  const otherwise = graph.subgraph("no_first_head", (inner) => {
    const none = inner.op("Slice", [batches(inner, x), inner.ints([0]), inner.ints([0]), inner.ints([0])]);
    return [{ value: none, dtype: "float32" }];
  });
  return graph.op("If", [wanted], { attributes: { then_branch: then, else_branch: otherwise } });
}

function causalBias(graph: GraphBuilder, tokens: Value): Value {
  const length = graph.op("Squeeze", [graph.op("Shape", [tokens], { attributes: { start: 1, end: 2 } })]);
  const places = graph.op("Range", [graph.ints([0], { scalar: true }), length, graph.ints([1], { scalar: true })]);
  const seen = graph.op("LessOrEqual", [places, graph.op("Unsqueeze", [places, graph.ints([1])])]);
  const number = (value: number): Value => graph.float(value, "float32", (v) => bytesOf(Float32Array.of(v)));
  return graph.op("Where", [seen, number(0), number(hidden)]);
}

/** x + attention(norm1(x)) + mlp(norm2(x)) for x [B, S, hidden]. */
function layer(graph: GraphBuilder, context: Context, x: Value, index: number): Value {
  const { config, precision } = context;
  const { hiddenSize, intermediateSize, attentionHeads, headSize } = config;
  const read = layerReader(context.read, `gpt_neox.layers.${index}`);
  const name = `layers.${index}`;
  const projections: readonly Projection[] = ["query", "key", "value", "mlp"];
  const product = inputProduct(
    config,
    `${name}.in`,
    projections.map((projection) => ({ read, projection })),
  );
  const fused = linear(graph.scope("in"), normalise(graph, context, x), product, precision);
  const sizes = graph.ints([2 * hiddenSize, hiddenSize, intermediateSize]);
  const [qk, v, mlp] = graph.ops("Split", [fused, sizes], 3, { attributes: { axis: -1 } }) as [Value, Value, Value];
  const rotated = splitHeads(graph, rotateFromStart(graph, context, qk), 2 * attentionHeads, headSize);
  const [query, key] = graph.ops("Split", [rotated], 2, { attributes: { axis: 1, num_outputs: 2 } }) as [Value, Value];
  const attended = attend(graph.scope("attention"), context, [
    query,
    key,
    splitHeads(graph, v, attentionHeads, headSize),
  ]);
  const joined = joinBranches(graph, attended, mlp, hiddenSize);
  const out = linear(graph.scope("out"), joined, outputProduct(config, `${name}.out`, read), precision);
  return graph.op("Add", [x, out]);
}

/** Every row of x [B, S, 2·hidden], queries and keys, begins at position 0. */
function rotateFromStart(graph: GraphBuilder, { config, rotary }: Context, x: Value): Value {
  const { attentionHeads, headSize } = config;
  return graph.op("RotaryEmbedding", [x, graph.ints([0]), rotary.cosines, rotary.sines], {
    domain: microsoft,
    attributes: {
      interleaved: 0,
      num_heads: 2 * attentionHeads,
      // The operator takes 0 for "all of the head".
      rotary_embedding_dim: rotary.dimensions === headSize ? 0 : rotary.dimensions,
    },
  });
}

/** softmax(q·kᵀ + bias)·v; queries come scaled. All [B, heads, S, headSize]. */
function attend(graph: GraphBuilder, { bias }: Context, [query, key, value]: readonly [Value, Value, Value]): Value {
  const scores = graph.op("MatMul", [query, graph.op("Transpose", [key], { attributes: { perm: [0, 1, 3, 2] } })]);
  const probabilities = graph.op("Softmax", [graph.op("Add", [scores, bias])], { attributes: { axis: -1 } });
  return graph.op("MatMul", [probabilities, value]);
}
