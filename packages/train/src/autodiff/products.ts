/**
 * The matrix products of composites, in the tape's precision. In float16 the operands are cast and the product is float16, as
 * the hardware's matrix units take them; the result is float32 again before anything is added to it.
 */
import type { Value } from "@dynamo/onnx";
import { scalar } from "./operators.js";
import { onnxTypes, type Tape } from "./tape.js";

export interface GemmOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Factors of the product and of c: inside the kernel they cost nothing. */
  readonly alpha?: number;
  readonly beta?: number;
}

/** α·op(a)·op(b) + β·c for matrices. */
export function gemm(
  tape: Tape,
  a: Value,
  b: Value,
  c?: Value,
  { transA = false, transB = false, alpha = 1, beta = 1 }: GemmOptions = {},
): Value {
  const { graph } = tape;
  const attributes = { transA, transB, alpha: { float: alpha }, beta: { float: beta } };
  if (tape.precision === "float32") return graph.op("Gemm", c === undefined ? [a, b] : [a, b, c], { attributes });
  const product = single(tape, graph.op("Gemm", [tape.half(a), tape.half(b)], { attributes }));
  if (c === undefined) return product;
  return graph.op("Add", [product, beta === 1 ? c : graph.op("Mul", [c, scalar(tape, beta).value])]);
}

/** a·b for stacks of matrices. */
export function matmul(tape: Tape, a: Value, b: Value): Value {
  if (tape.precision === "float32") return tape.graph.op("MatMul", [a, b]);
  return single(tape, tape.graph.op("MatMul", [tape.half(a), tape.half(b)]));
}

/** float16 → float32 */
const single = ({ graph }: Tape, value: Value): Value =>
  graph.op("Cast", [value], { attributes: { to: onnxTypes.float32 } });
