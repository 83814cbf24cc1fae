/** Attention over a read-only past and the new positions, and the bias that hides what a query must not see. */
import { toFloat16 } from "@dynamo/core";
import type { GraphBuilder, Value } from "@dynamo/onnx";
import { bytesOf } from "./weights.js";

/** int64 [1] each: positions in the cache (its capacity), and new ones. */
export interface Shapes {
  readonly pastCount: Value;
  readonly newCount: Value;
}

export interface AttentionInputs {
  /** [B, heads, queries, headSize], rotated and scaled */
  readonly query: Value;
  /** [B, heads, S, headSize], the key rotated */
  readonly key: Value;
  readonly value: Value;
  /** [B, heads, headSize, C] */
  readonly pastKey: Value;
  /** [B, heads, C, headSize] */
  readonly pastValue: Value;
  /** [B, 1, queries, C + S] */
  readonly bias: Value;
}

/** softmax([q·K_past | q·K_new] + bias) · [V_past ; V_new], without ever joining the past and the new in memory. */
export function attend(graph: GraphBuilder, { pastCount, newCount }: Shapes, inputs: AttentionInputs): Value {
  const { query, key, value, pastKey, pastValue, bias } = inputs;
  const pastScores = graph.op("MatMul", [query, pastKey]);
  const newScores = graph.op("MatMul", [query, graph.op("Transpose", [key], { attributes: { perm: [0, 1, 3, 2] } })]);
  const scores = graph.op("Add", [graph.op("Concat", [pastScores, newScores], { attributes: { axis: -1 } }), bias]);
  const probabilities = graph.op("Softmax", [scores], { attributes: { axis: -1 } });
  const sizes = graph.op("Concat", [pastCount, newCount], { attributes: { axis: 0 } });
  const [past, fresh] = graph.ops("Split", [probabilities, sizes], 2, { attributes: { axis: -1 } }) as [Value, Value];
  return graph.op("Add", [graph.op("MatMul", [past, pastValue]), graph.op("MatMul", [fresh, value])]);
}

/** [B, S, heads·headSize] → [B, heads, S, headSize] */
export function splitHeads(graph: GraphBuilder, x: Value, heads: number, headSize: number): Value {
  const split = graph.op("Reshape", [x, graph.ints([0, 0, heads, headSize])]);
  return graph.op("Transpose", [split], { attributes: { perm: [0, 2, 1, 3] } });
}

interface BiasInputs {
  /** int64 [B, 1]: positions that count in each row's cache */
  readonly lengths: Value;
  /** int64 [C] and [S]: 0, 1, 2, … */
  readonly pastRange: Value;
  readonly newRange: Value;
  readonly type: "float32" | "float16";
}

/** Low enough to vanish in a softmax, and still finite as a half. */
const hidden = -60_000;

/**
 * From queries' places among the new positions, int64 [B or 1, Q], to their bias [B, 1, Q, C + S]: 0 for the cache's
 * counted positions and for new ones up to the query's own, `hidden` for all others.
 */
export function attentionBias(
  graph: GraphBuilder,
  { lengths, pastRange, newRange, type }: BiasInputs,
): (queries: Value) => Value {
  const encode = (value: number): Uint8Array =>
    type === "float32" ? bytesOf(Float32Array.of(value)) : bytesOf(Uint16Array.of(toFloat16(value)));
  const [zero, low] = [graph.float(0, type, encode), graph.float(hidden, type, encode)];
  const choose = (visible: Value): Value => graph.op("Where", [visible, zero, low]);
  const past = choose(graph.op("Less", [pastRange, graph.op("Unsqueeze", [lengths, graph.ints([1, 2])])]));
  return (queries) => {
    const places = graph.op("Unsqueeze", [queries, graph.ints([1, 3])]);
    const fresh = choose(graph.op("LessOrEqual", [newRange, places]));
    const rows = graph.op("Mul", [
      graph.op("Mul", [places, graph.ints([0])]),
      graph.op("Unsqueeze", [lengths, graph.ints([1, 2])]),
    ]);
    const spread = (bias: Value, count: Value): Value => {
      const shape = graph.op("Concat", [graph.op("Shape", [rows], { attributes: { start: 0, end: 3 } }), count], {
        attributes: { axis: 0 },
      });
      return graph.op("Expand", [bias, shape]);
    };
    const size = (range: Value): Value => graph.op("Shape", [range]);
    return graph.op("Concat", [spread(past, size(pastRange)), spread(fresh, size(newRange))], {
      attributes: { axis: -1 },
    });
  };
}
