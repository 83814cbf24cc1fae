/** Attention over a read-only past and the new positions, and the bias that hides what a query must not see. */
import { toFloat16 } from "@dynamo/core";
import type { GraphBuilder, Value } from "@dynamo/onnx";
import type { AttentionShape, Layer } from "../architectures/architecture.js";
import { softCapped } from "./soft-cap.js";
import { bytesOf } from "./weights.js";

/** int64 [1] each: positions in the cache (its capacity), and new ones. */
export interface Counts {
  readonly pastCount: Value;
  readonly newCount: Value;
}

/** Operands [B, heads, positions, headSize], rotated, queries scaled; keys and values may have fewer heads, each for a group. */
export interface HeadOperands {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
}

export interface Past {
  /** [B, heads, headSize, C] */
  readonly pastKey: Value;
  /** [B, heads, C, headSize] */
  readonly pastValue: Value;
}

export interface CachedAttention extends HeadOperands, Past {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  /** As of the layer's `AttentionShape`. */
  readonly softCap?: number | undefined;
  /** Of a group's queries under each other (`biasesOf`): [B, 1, group · queries, C + S] */
  readonly bias: Value;
}

/** softmax([q·K_past | q·K_new] + bias) · [V_past ; V_new], without ever joining the past and the new in memory. */
export function attendToCache(graph: GraphBuilder, { pastCount, newCount }: Counts, inputs: CachedAttention): Value {
  const { key, value, pastKey, pastValue, bias } = inputs;
  const query = groupQueries(graph, inputs);
  const pastScores = graph.op("MatMul", [query, pastKey]);
  const newScores = graph.op("MatMul", [query, flip(graph, key)]);
  const scores = graph.op("Concat", [pastScores, newScores], { attributes: { axis: -1 } });
  const probabilities = softmax(graph, scores, bias, inputs);
  const sizes = graph.op("Concat", [pastCount, newCount], { attributes: { axis: 0 } });
  const [past, fresh] = graph.ops("Split", [probabilities, sizes], 2, { attributes: { axis: -1 } }) as [Value, Value];
  const attended = graph.op("Add", [graph.op("MatMul", [past, pastValue]), graph.op("MatMul", [fresh, value])]);
  return ungroupQueries(graph, attended, inputs);
}

/** Sizes of attention; with fewer key and value heads each serves a group of query heads. */
type Sizes = Pick<CachedAttention, "heads" | "keyValueHeads" | "headSize" | "softCap">;

/** softmax(q·kᵀ + bias)·v over whole sequences, bias [group · S, S] (`biasesOf`). */
export function attendToSequence(graph: GraphBuilder, bias: Value, inputs: HeadOperands & Sizes): Value {
  const { key, value } = inputs;
  const scores = graph.op("MatMul", [groupQueries(graph, inputs), flip(graph, key)]);
  const attended = graph.op("MatMul", [softmax(graph, scores, bias, inputs), value]);
  return ungroupQueries(graph, attended, inputs);
}

/** [B, heads, R, C] → [B, heads, C, R] */
const flip = (graph: GraphBuilder, x: Value): Value =>
  graph.op("Transpose", [x], { attributes: { perm: [0, 1, 3, 2] } });

/** Queries of one key head under each other, [B, keyValueHeads, group · Q, headSize]: one product serves the group. */
function groupQueries(graph: GraphBuilder, { query, heads, keyValueHeads, headSize }: { query: Value } & Sizes): Value {
  if (heads === keyValueHeads) return query;
  return graph.op("Reshape", [query, graph.ints([0, keyValueHeads, -1, headSize])]);
}

function ungroupQueries(graph: GraphBuilder, attended: Value, { heads, keyValueHeads, headSize }: Sizes): Value {
  if (heads === keyValueHeads) return attended;
  return graph.op("Reshape", [attended, graph.ints([0, heads, -1, headSize])]);
}

/**
 * The biases of the layers that attend, from those of their windows, [..., Q, K]: for a group's queries under each other, [..., group ·
 * Q, K]. One for all layers alike, made here: an addition that took the groups apart would cost each layer five more operators.
 */
export function biasesOf(
  graph: GraphBuilder,
  layers: readonly Layer[],
  ofWindow: (window: number | undefined) => Value,
): (shape: AttentionShape) => Value {
  const shapes = layers.map(({ attention }) => attention).filter(({ heads }) => heads > 0);
  const windows = new Map([...new Set(shapes.map(({ window }) => window))].map((each) => [each, ofWindow(each)]));
  const key = ({ window, heads, keyValueHeads }: AttentionShape): string => `${window}/${heads / keyValueHeads}`;
  const grouped = ({ window, heads, keyValueHeads }: AttentionShape): Value => {
    const bias = windows.get(window) as Value;
    if (heads === keyValueHeads) return bias;
    return graph.op("Concat", new Array<Value>(heads / keyValueHeads).fill(bias), { attributes: { axis: -2 } });
  };
  const one = new Map(shapes.map((shape) => [key(shape), shape]));
  const made = new Map([...one].map(([name, shape]) => [name, grouped(shape)]));
  return (shape) => made.get(key(shape)) as Value;
}

/** Of scores [B, keyValueHeads, group · Q, K]. */
const softmax = (graph: GraphBuilder, scores: Value, bias: Value, { softCap }: Pick<Sizes, "softCap">): Value =>
  graph.op("Softmax", [graph.op("Add", [softCapped(graph, scores, softCap), bias])], { attributes: { axis: -1 } });

/** [B, S, heads·headSize] → [B, heads, S, headSize] */
export function splitHeads(graph: GraphBuilder, x: Value, heads: number, headSize: number): Value {
  const split = graph.op("Reshape", [x, graph.ints([0, 0, heads, headSize])]);
  return graph.op("Transpose", [split], { attributes: { perm: [0, 2, 1, 3] } });
}

/** [B, heads, S, headSize] → [B, S, heads·headSize] */
export const mergeHeads = (graph: GraphBuilder, x: Value, width: number): Value =>
  graph.op("Reshape", [graph.op("Transpose", [x], { attributes: { perm: [0, 2, 1, 3] } }), graph.ints([0, 0, width])]);

interface BiasInputs {
  /** int64 [B, 1]: positions that count in each row's cache */
  readonly lengths: Value;
  /** int64 [C] and [1]: 0, 1, 2, … and C, of layers with this window */
  readonly pastRange: (window: number | undefined) => Value;
  readonly pastCount: (window: number | undefined) => Value;
  /** int64 [S]: 0, 1, 2, … */
  readonly newRange: Value;
  readonly type: "float32" | "float16";
}

/** Low enough to vanish in a softmax, and still finite as a half. */
export const masked = -60_000;

/** The bias of queries at places among the new positions, int64 [B or 1, Q]: [B, 1, Q, C + S]. */
export type BiasOf = (queries: Value, window: number | undefined) => Value;

/**
 * 0 for the cache's counted positions and for new ones up to the query's own, as far as the window reaches; else `masked`. The cache
 * of a layer with a window is a ring.
 */
export function attentionBias(graph: GraphBuilder, inputs: BiasInputs): BiasOf {
  const { lengths, newRange, type } = inputs;
  const encode = (value: number): Uint8Array =>
    type === "float32" ? bytesOf(Float32Array.of(value)) : bytesOf(Uint16Array.of(toFloat16(value)));
  const [zero, low] = [graph.float(0, type, encode), graph.float(masked, type, encode)];
  const choose = (visible: Value): Value => graph.op("Where", [visible, zero, low]);
  const rowLengths = graph.op("Unsqueeze", [lengths, graph.ints([1, 2])]);
  /** The same for all queries. */
  let all: Value | undefined;
  return (queries, window) => {
    const range = inputs.pastRange(window);
    const places = graph.op("Unsqueeze", [queries, graph.ints([1, 3])]);
    const rows = graph.op("Mul", [graph.op("Mul", [places, graph.ints([0])]), rowLengths]);
    const spread = (bias: Value, over: Value): Value => {
      const first = graph.op("Shape", [rows], { attributes: { start: 0, end: 3 } });
      const shape = graph.op("Concat", [first, graph.op("Shape", [over])], { attributes: { axis: 0 } });
      return graph.op("Expand", [bias, shape]);
    };
    const near = (visible: Value, positions: Value, query: Value): Value =>
      window === undefined
        ? visible
        : graph.op("And", [visible, graph.op("Greater", [positions, graph.op("Sub", [query, graph.ints([window])])])]);
    const held = (): Value => {
      if (window === undefined) return (all ??= choose(graph.op("Less", [range, rowLengths])));
      const positions = positionsInRing(graph, { lengths: rowLengths, range, count: inputs.pastCount(window) });
      const isThere = graph.op("GreaterOrEqual", [positions, graph.ints([0], { scalar: true })]);
      return choose(near(isThere, positions, graph.op("Add", [places, rowLengths])));
    };
    const isBefore = near(graph.op("LessOrEqual", [newRange, places]), newRange, places);
    const parts = [spread(held(), range), spread(choose(isBefore), newRange)];
    return graph.op("Concat", parts, { attributes: { axis: -1 } });
  };
}

/** A ring of so many places, 0, 1, 2, …, with rows of these lengths. */
interface Ring {
  readonly lengths: Value;
  readonly range: Value;
  readonly count: Value;
}

/** Which position lies at each place of a ring: the row's newest that is there modulo the places; negative where there is none. */
function positionsInRing(graph: GraphBuilder, { lengths, range, count }: Ring): Value {
  const last = graph.op("Sub", [lengths, graph.ints([1])]);
  return graph.op("Sub", [last, graph.op("Mod", [graph.op("Sub", [last, range]), count])]);
}

/** Keys and values of a query's own, [B, keyValueHeads, P, headSize] for queries at P places. */
export interface OwnPosition {
  readonly key: Value;
  readonly value: Value;
}

/**
 * Attention of queries at P places over the past, the new positions and, behind them, `own` positions that each place has for
 * itself. The bias is of the past and the new ones.
 */
export function attendToOwn(
  graph: GraphBuilder,
  { pastCount, newCount }: Counts,
  inputs: CachedAttention & { readonly own: readonly OwnPosition[] },
): Value {
  const { key, value, pastKey, pastValue, bias, own, heads, keyValueHeads, headSize } = inputs;
  const query = groupQueries(graph, inputs);
  const group = heads / keyValueHeads;
  const perPlace = (x: Value, width: number): Value =>
    graph.op("Reshape", [x, graph.ints([0, keyValueHeads, group, -1, width])]);
  const grouped = (x: Value, width: number): Value =>
    graph.op("Reshape", [x, graph.ints([0, keyValueHeads, -1, width])]);
  const beside = (x: Value): Value => graph.op("Unsqueeze", [x, graph.ints([2])]);
  const ownScores = own.map(({ key: ownKey }) => {
    const products = graph.op("Mul", [perPlace(query, headSize), beside(ownKey)]);
    return grouped(graph.op("ReduceSum", [products, graph.ints([-1])]), 1);
  });
  const scores = [graph.op("MatMul", [query, pastKey]), graph.op("MatMul", [query, flip(graph, key)]), ...ownScores];
  const column = graph.op("Slice", [bias, graph.ints([0]), graph.ints([1]), graph.ints([3])]);
  const zero = graph.op("Sub", [column, column]);
  const wider = graph.op("Concat", [bias, ...own.map(() => zero)], { attributes: { axis: -1 } });
  const joined = graph.op("Concat", scores, { attributes: { axis: -1 } });
  const sizes = graph.op("Concat", [pastCount, newCount, graph.ints(own.map(() => 1))], { attributes: { axis: 0 } });
  const [past, fresh, ...rest] = graph.ops("Split", [softmax(graph, joined, wider, inputs), sizes], 2 + own.length, {
    attributes: { axis: -1 },
  }) as [Value, Value, ...Value[]];
  const shared = graph.op("Add", [graph.op("MatMul", [past, pastValue]), graph.op("MatMul", [fresh, value])]);
  const attended = own.reduce((sum, { value: ownValue }, i) => {
    const part = graph.op("Mul", [perPlace(rest[i] as Value, 1), beside(ownValue)]);
    return graph.op("Add", [sum, grouped(part, headSize)]);
  }, shared);
  return ungroupQueries(graph, attended, inputs);
}
