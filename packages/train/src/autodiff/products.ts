/**
 * The matrix products of composites, in the tape's precision. In float16 the operands are cast and the product is float16, as
 * the hardware's matrix units take them; the result is float32 again before anything is added to it.
 */
import type { Value } from "@dynamo/onnx";
import { scalar } from "./operators.js";
import type { Tape } from "./tape.js";

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

/**
 * α·(x·Wᵀ + b) for x [rows, in], W [outputs, in] and b [outputs]. In float32 it is the one product α·[x 1]·[W b]ᵀ: Gemm copies
 * a bias to every row of its output first, on one thread, which takes a third of the time of the product itself.
 */
export function affine(
  tape: Tape,
  x: Value,
  weight: Value,
  bias: Value,
  { rows, outputs, alpha }: { readonly rows: number; readonly outputs: number; readonly alpha: number },
): Value {
  const { graph } = tape;
  if (tape.precision === "float16") return gemm(tape, x, weight, bias, { transB: true, alpha, beta: alpha });
  const ones = graph.op("Expand", [scalar(tape, 1).value, graph.ints([rows, 1])]);
  const column = graph.op("Reshape", [bias, graph.ints([outputs, 1])]);
  const widened = (left: Value, right: Value): Value => graph.op("Concat", [left, right], { attributes: { axis: 1 } });
  return gemm(tape, widened(x, ones), widened(weight, column), undefined, { transB: true, alpha });
}

/** a·b for stacks of matrices. */
export function matmul(tape: Tape, a: Value, b: Value): Value {
  if (tape.precision === "float32") return tape.graph.op("MatMul", [a, b]);
  return single(tape, tape.graph.op("MatMul", [tape.half(a), tape.half(b)]));
}

/** float16 → float32 */
const single = ({ graph }: Tape, value: Value): Value => graph.cast(value, "float32");
