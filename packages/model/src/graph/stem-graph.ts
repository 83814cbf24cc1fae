/**
 * The stem as a graph of its own, for training heads on a base that lies in no training state: whole sequences, no cache.
 *
 * In:  tokens int32 [B, S]; first_head bool [].
 * Out: hidden float32 [B·S, hidden], the output of all base layers but the last; head_1 float32 [B·S, hidden], the last
 *      layer's, before the final norm; without `first_head` that layer does not run, and head_1 has no rows.
 */
import { graphBuilder, type GraphBuilder, type OnnxModel, type Value } from "@dynamo/onnx";
import { architectureOf, type ModelConfig } from "../architectures/config.js";
import type { AttentionShape } from "../architectures/architecture.js";
import { attendToSequence, biasesOf, masked } from "./attention.js";
import { innerContext, type GraphContext } from "./context.js";
import { embed } from "./embed.js";
import { everywhere, type Positions } from "./everywhere.js";
import { fuseResiduals } from "./fuse-residuals.js";
import { opsets } from "./graph.js";
import { shortLength } from "./long-context.js";
import { layerReader, type ReadTensor } from "./product-weights.js";
import { rotaryTables, rotate } from "./rotary.js";
import { bytesOf, type Precision } from "./weights.js";

interface Context extends GraphContext {
  /** Of layers of this shape: float32 [group · S, S], 0 where a query sees a key, a very low number elsewhere. */
  readonly bias: (shape: AttentionShape) => Value;
}

/** Base weights are read when the graph is written. `precision` computes in float32: not fp16. */
export function buildStemGraph(config: ModelConfig, precision: Precision, read: ReadTensor): OnnxModel {
  const graph = graphBuilder("dynamo_stem");
  const tokens = graph.input("tokens", "int32", ["B", "S"]);
  const firstHead = graph.input("first_head", "bool", []);
  const { hiddenSize, layers, contextLength } = config;
  const architecture = architectureOf(config);
  const { places, length, biasOf } = causal(graph.scope("bias"), tokens);
  const short = shortLength(architecture);
  const isLong = short === undefined ? undefined : graph.op("Greater", [length, graph.ints([short], { scalar: true })]);
  const context: Context = {
    architecture,
    precision,
    read,
    tables: rotaryTables(graph, contextLength, precision, isLong),
    normalised: new Map(),
    bias: biasesOf(graph, architecture.layers, biasOf),
  };
  let x = embed(graph.scope("embedding"), context, tokens, () => graph.op("Unsqueeze", [places, graph.ints([0])]));
  for (let i = 0; i < layers - 1; i++) x = layer(graph.scope(`stem/layers.${i}`), context, x, i);
  const rows = (inner: GraphBuilder, value: Value): Value => inner.op("Reshape", [value, inner.ints([-1, hiddenSize])]);
  graph.output("hidden", rows(graph, x), "float32", ["R", hiddenSize]);
  const first = headOnDemand(graph, context, x, firstHead);
  graph.output("head_1", rows(graph, first), "float32", ["R1", hiddenSize]);
  return {
    graph: fuseResiduals(graph.finish()),
    opsets,
    metadata: { "dynamo.graph": "stem", "dynamo.dtype": precision.dtype },
  };
}

/** The last base layer, [1, B, S, hidden], or nothing, [0, B, S, hidden]. */
function headOnDemand(graph: GraphBuilder, context: Context, x: Value, wanted: Value): Value {
  const batches = (inner: GraphBuilder, value: Value): Value => inner.op("Unsqueeze", [value, inner.ints([0])]);
  const then = graph.subgraph("first_head", (inner) => {
    const last = context.architecture.layers.length - 1;
    const output = layer(inner.scope("head_1"), innerContext(context), x, last);
    return [{ value: batches(inner, output), dtype: "float32" }];
  });
  const otherwise = graph.subgraph("no_first_head", (inner) => {
    const none = inner.op("Slice", [batches(inner, x), inner.ints([0]), inner.ints([0]), inner.ints([0])]);
    return [{ value: none, dtype: "float32" }];
  });
  return graph.op("If", [wanted], { attributes: { then_branch: then, else_branch: otherwise } });
}

interface Causal {
  /** 0, 1, 2, … int64 [S] */
  readonly places: Value;
  /** S, int64 [] */
  readonly length: Value;
  readonly biasOf: (window: number | undefined) => Value;
}

function causal(graph: GraphBuilder, tokens: Value): Causal {
  const length = graph.op("Squeeze", [graph.op("Shape", [tokens], { attributes: { start: 1, end: 2 } })]);
  const places = graph.op("Range", [graph.ints([0], { scalar: true }), length, graph.ints([1], { scalar: true })]);
  const queries = graph.op("Unsqueeze", [places, graph.ints([1])]);
  const earlier = graph.op("LessOrEqual", [places, queries]);
  const number = (value: number): Value => graph.float(value, "float32", (v) => bytesOf(Float32Array.of(v)));
  return {
    places,
    length,
    biasOf(window) {
      const near = (size: number): Value =>
        graph.op("Greater", [places, graph.op("Sub", [queries, graph.ints([size])])]);
      const seen = window === undefined ? earlier : graph.op("And", [earlier, near(window)]);
      return graph.op("Where", [seen, number(0), number(masked)]);
    },
  };
}

/** Layer i for x [B, S, hidden]. */
function layer(graph: GraphBuilder, context: Context, x: Value, i: number): Value {
  const { architecture, read } = context;
  const { attention: shape, forward } = architecture.layers[i] as (typeof architecture.layers)[0];
  const place = { name: `layers.${i}`, read: layerReader(read, architecture.layerPrefix(i)), shape };
  const positions: Positions = {
    // Every row begins at position 0.
    rotate: (inner, tables, value, heads) =>
      rotate(inner, tables, value, inner.ints([0]), { heads, headSize: shape.headSize }),
    attend: (inner, operands) => attendToSequence(inner, context.bias(shape), { ...shape, ...operands }),
    withBefore: (inner, value, { taps }) => inner.op("Pad", [value, inner.ints([0, taps - 1, 0, 0, 0, 0])]),
  };
  return forward(everywhere(graph, context, place, positions), x);
}
