/** Values of any width in a cache, whose tensors are made of attention heads: as many heads as they fill, the last one padded. */
import type { GraphBuilder, Value } from "@dynamo/onnx";
import { splitHeads } from "./attention.js";
import { packedHeads } from "./cache-tensors.js";

export interface PackedSize {
  readonly width: number;
  readonly headSize: number;
}

/** [B, S, width] → [B, heads, S, headSize] */
export function pack(graph: GraphBuilder, x: Value, { width, headSize }: PackedSize): Value {
  const heads = packedHeads(width, headSize);
  const missing = heads * headSize - width;
  const padded = missing === 0 ? x : graph.op("Pad", [x, graph.ints([0, 0, 0, 0, 0, missing])]);
  return splitHeads(graph, padded, heads, headSize);
}

/** [B, heads, S, headSize] → [B, S, width] */
export function unpack(graph: GraphBuilder, packed: Value, { width, headSize }: PackedSize): Value {
  const inPlace = graph.op("Transpose", [packed], { attributes: { perm: [0, 2, 1, 3] } });
  const joined = graph.op("Reshape", [inPlace, graph.ints([0, 0, -1])]);
  if (width % headSize === 0) return joined;
  return graph.op("Slice", [joined, graph.ints([0]), graph.ints([width]), graph.ints([2])]);
}
