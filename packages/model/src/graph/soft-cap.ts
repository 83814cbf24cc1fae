/** Values that are bent below a cap: c · tanh(x / c). */
import type { GraphBuilder, Value } from "@dynamo/onnx";
import { bytesOf } from "./weights.js";

/** The values themselves where there is no cap. */
export function softCapped(graph: GraphBuilder, x: Value, cap: number | undefined): Value {
  if (cap === undefined) return x;
  const number = (value: number): Value =>
    graph.op("CastLike", [graph.float(value, "float32", (v) => bytesOf(Float32Array.of(v))), x]);
  return graph.op("Mul", [graph.op("Tanh", [graph.op("Mul", [x, number(1 / cap)])]), number(cap)]);
}
