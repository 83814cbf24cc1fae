/**
 * The operators that models are made of, each with its vector-Jacobian product: dx is the adjoint of x, dy that of the
 * result. Dimensions are checked where a mistake would otherwise surface only inside ONNX Runtime.
 */
import { DynamoError, elementCount } from "@dynamo/core";
import { bytesOf } from "./bytes.js";
import type { Tape, Variable } from "./tape.js";

const attributesOf = (axis: number): { attributes: { axis: number } } => ({ attributes: { axis } });

/** A constant of the graph. */
export function scalar(tape: Tape, value: number): Variable {
  return {
    value: tape.graph.float(value, "float32", (number) => bytesOf(Float32Array.of(number))),
    dims: [],
    tracked: false,
  };
}

/** Dimensions of an elementwise result: aligned at the last one, each equal or 1. */
function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [left, right] = [a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1];
    if (left !== right && left !== 1 && right !== 1)
      throw new DynamoError("invalid-argument", `dims [${a.join(", ")}] and [${b.join(", ")}] do not go together`);
    return Math.max(left, right);
  });
}

/** Sums an adjoint over the dimensions along which its value had been repeated. */
function reduceTo(tape: Tape, adjoint: Variable, dims: readonly number[]): Variable {
  const extra = adjoint.dims.length - dims.length;
  const axes = adjoint.dims.flatMap((size, i) => (i < extra || (dims[i - extra] === 1 && size !== 1) ? [i] : []));
  if (axes.length === 0) return adjoint;
  const sum = tape.graph.op("ReduceSum", [adjoint.value, tape.graph.ints(axes)], { attributes: { keepdims: 1 } });
  const kept = adjoint.dims.map((size, i) => (axes.includes(i) ? 1 : size));
  return reshape(tape, { value: sum, dims: kept, tracked: false }, dims);
}

/** y = a + b; da = dy, db = dy */
export function add(tape: Tape, a: Variable, b: Variable): Variable {
  return tape.record([a, b], tape.graph.op("Add", [a.value, b.value]), broadcast(a.dims, b.dims), (dy, t) => [
    () => reduceTo(t, dy, a.dims),
    () => reduceTo(t, dy, b.dims),
  ]);
}

/** y = a - b; da = dy, db = -dy */
export function subtract(tape: Tape, a: Variable, b: Variable): Variable {
  return tape.record([a, b], tape.graph.op("Sub", [a.value, b.value]), broadcast(a.dims, b.dims), (dy, t) => [
    () => reduceTo(t, dy, a.dims),
    () => negate(t, reduceTo(t, dy, b.dims)),
  ]);
}

/** y = a ⊙ b; da = dy ⊙ b, db = dy ⊙ a */
export function multiply(tape: Tape, a: Variable, b: Variable): Variable {
  return tape.record([a, b], tape.graph.op("Mul", [a.value, b.value]), broadcast(a.dims, b.dims), (dy, t) => [
    () => reduceTo(t, multiply(t, dy, b), a.dims),
    () => reduceTo(t, multiply(t, dy, a), b.dims),
  ]);
}

/** y = a / b; da = dy / b, db = -dy ⊙ y / b */
export function divide(tape: Tape, a: Variable, b: Variable): Variable {
  const value = tape.graph.op("Div", [a.value, b.value]);
  const y: Variable = { value, dims: broadcast(a.dims, b.dims), tracked: false };
  return tape.record([a, b], value, y.dims, (dy, t) => [
    () => reduceTo(t, divide(t, dy, b), a.dims),
    () => reduceTo(t, negate(t, divide(t, multiply(t, dy, y), b)), b.dims),
  ]);
}

/** y = -x; dx = -dy */
export function negate(tape: Tape, x: Variable): Variable {
  return tape.record([x], tape.graph.op("Neg", [x.value]), x.dims, (dy, t) => [() => negate(t, dy)]);
}

/** y = c · x for a number c; dx = c · dy */
export function scale(tape: Tape, x: Variable, factor: number): Variable {
  const value = tape.graph.op("Mul", [x.value, scalar(tape, factor).value]);
  return tape.record([x], value, x.dims, (dy, t) => [() => scale(t, dy, factor)]);
}

/** y = x, with dx = c · dy: what a token head sends into the stem (the paper's LR_MB / LR_B). */
export function scaleGradient(tape: Tape, x: Variable, factor: number): Variable {
  if (factor === 1) return x;
  if (factor === 0) return { ...x, tracked: false };
  // Its own value: adjoints are found by values' names.
  return tape.record([x], tape.graph.op("Identity", [x.value]), x.dims, (dy, t) => [() => scale(t, dy, factor)]);
}

/** y = eˣ; dx = dy ⊙ y */
export function exponential(tape: Tape, x: Variable): Variable {
  const value = tape.graph.op("Exp", [x.value]);
  return tape.record([x], value, x.dims, (dy, t) => [() => multiply(t, dy, { ...x, value })]);
}

/** y = log x; dx = dy / x */
export function logarithm(tape: Tape, x: Variable): Variable {
  return tape.record([x], tape.graph.op("Log", [x.value]), x.dims, (dy, t) => [() => divide(t, dy, x)]);
}

/** y = √x; dx = dy / 2y */
export function squareRoot(tape: Tape, x: Variable): Variable {
  const value = tape.graph.op("Sqrt", [x.value]);
  return tape.record([x], value, x.dims, (dy, t) => [() => divide(t, scale(t, dy, 0.5), { ...x, value })]);
}

/** y = erf x; dx = dy ⊙ 2/√π e^(-x²) */
export function errorFunction(tape: Tape, x: Variable): Variable {
  return tape.record([x], tape.graph.op("Erf", [x.value]), x.dims, (dy, t) => [
    () => multiply(t, dy, scale(t, exponential(t, negate(t, multiply(t, x, x))), 2 / Math.sqrt(Math.PI))),
  ]);
}

/** y = Σ x over the axes, which stay with size 1; dx = dy repeated */
export function sum(tape: Tape, x: Variable, axes: readonly number[]): Variable {
  const value = tape.graph.op("ReduceSum", [x.value, tape.graph.ints(axes)], { attributes: { keepdims: 1 } });
  const dims = x.dims.map((size, i) => (axes.includes(i) ? 1 : size));
  return tape.record([x], value, dims, (dy, t) => [
    () => ({ ...x, value: t.graph.op("Expand", [dy.value, t.graph.ints(x.dims)]) }),
  ]);
}

/** y = mean of x over the axes, which stay with size 1 */
export function mean(tape: Tape, x: Variable, axes: readonly number[]): Variable {
  return scale(tape, sum(tape, x, axes), 1 / axes.reduce((count, axis) => count * (x.dims[axis] as number), 1));
}

/** y = softmax(x) over the last axis; dx = y ⊙ (dy - Σ dy ⊙ y) */
export function softmax(tape: Tape, x: Variable): Variable {
  const value = tape.graph.op("Softmax", [x.value], attributesOf(-1));
  const y: Variable = { ...x, value, tracked: false };
  return tape.record([x], value, x.dims, (dy, t) => [() => softmaxAdjoint(t, y, dy)]);
}

/** y ⊙ (dy - Σ dy ⊙ y): the softmax's product, also inside attention */
export function softmaxAdjoint(tape: Tape, y: Variable, dy: Variable): Variable {
  const product = multiply(tape, dy, y);
  return subtract(tape, product, multiply(tape, y, sum(tape, product, [y.dims.length - 1])));
}

/** y = a·b for stacks of matrices with equal leading dims; da = dy·bᵀ, db = aᵀ·dy */
export function matrixProduct(tape: Tape, a: Variable, b: Variable): Variable {
  const [stack, inner] = [a.dims.slice(0, -2), a.dims.at(-1)];
  if (b.dims.slice(0, -2).join() !== stack.join() || b.dims.at(-2) !== inner)
    throw new DynamoError("invalid-argument", `[${a.dims.join(", ")}] · [${b.dims.join(", ")}] is no matrix product`);
  const dims = [...stack, a.dims.at(-2) as number, b.dims.at(-1) as number];
  return tape.record([a, b], tape.graph.op("MatMul", [a.value, b.value]), dims, (dy, t) => [
    () => matrixProduct(t, dy, swapLast(t, b)),
    () => matrixProduct(t, swapLast(t, a), dy),
  ]);
}

/** Every matrix of a stack transposed. */
export function swapLast(tape: Tape, x: Variable): Variable {
  const axes = x.dims.map((_, i) => i);
  return transpose(tape, x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
}

/** y = x with its axes in another order; dx = dy with them back in place */
export function transpose(tape: Tape, x: Variable, order: readonly number[]): Variable {
  const value = tape.graph.op("Transpose", [x.value], { attributes: { perm: order } });
  const back = order.map((_, axis) => order.indexOf(axis));
  const dims = order.map((axis) => x.dims[axis] as number);
  return tape.record([x], value, dims, (dy, t) => [() => transpose(t, dy, back)]);
}

/** y = x in other dims; dx = dy in those of x */
export function reshape(tape: Tape, x: Variable, dims: readonly number[]): Variable {
  if (x.dims.join() === dims.join()) return x;
  if (elementCount(dims) !== elementCount(x.dims))
    throw new DynamoError("invalid-argument", `[${x.dims.join(", ")}] has another size than [${dims.join(", ")}]`);
  const value = tape.graph.op("Reshape", [x.value, tape.graph.ints(dims)]);
  return tape.record([x], value, dims, (dy, t) => [() => reshape(t, dy, x.dims)]);
}

/** Parts of x along an axis; dx = the parts' adjoints joined */
export function split(tape: Tape, x: Variable, axis: number, sizes: readonly number[]): Variable[] {
  if (sizes.length === 1) return [x];
  const values = tape.graph.ops("Split", [x.value, tape.graph.ints(sizes)], sizes.length, attributesOf(axis));
  const outputs = values.map((value, i) => ({ value, dims: x.dims.with(axis, sizes[i] as number) }));
  return tape.recordAll([x], outputs, (adjoints, t) => [
    () =>
      concatenate(
        t,
        adjoints.map((adjoint, i) => adjoint ?? zeros(t, (outputs[i] as { dims: number[] }).dims)),
        axis,
      ),
  ]);
}

/** y_i = x_(i - by) along an axis, and 0 where there is none; dx = dy shifted back */
export function shift(tape: Tape, x: Variable, axis: number, by: number): Variable {
  if (by === 0) return x;
  const size = x.dims[axis] as number;
  const distance = Math.sign(by) * Math.min(Math.abs(by), size);
  // Pads that are negative take away.
  const pads = [distance, -distance].flatMap((pad) => x.dims.map((_, i) => (i === axis ? pad : 0)));
  const value = tape.graph.op("Pad", [x.value, tape.graph.ints(pads)]);
  return tape.record([x], value, x.dims, (dy, t) => [() => shift(t, dy, axis, -by)]);
}

/** The parts joined along an axis; their adjoints are the parts of dy */
export function concatenate(tape: Tape, parts: readonly Variable[], axis: number): Variable {
  const [first] = parts;
  if (first === undefined) throw new DynamoError("invalid-argument", "nothing to concatenate");
  if (parts.length === 1) return first;
  const sizes = parts.map(({ dims }) => dims[axis] as number);
  const dims = first.dims.with(
    axis,
    sizes.reduce((a, b) => a + b),
  );
  const value = tape.graph.op(
    "Concat",
    parts.map((part) => part.value),
    attributesOf(axis),
  );
  return tape.record(parts, value, dims, (dy, t) => {
    let pieces: Variable[] | undefined;
    return parts.map((_, i) => () => (pieces ??= split(t, dy, axis, sizes))[i] as Variable);
  });
}

function zeros(tape: Tape, dims: readonly number[]): Variable {
  return { value: tape.graph.op("Expand", [scalar(tape, 0).value, tape.graph.ints(dims)]), dims, tracked: false };
}

/**
 * Rows of a table [V, D] by ids, int64 [R]; the table's adjoint adds up the rows' adjoints at their ids.
 * ScatterElements, not ScatterND: with several threads the latter's `add` loses updates (onnxruntime 1.30). Over one axis,
 * element by element: its kernel is three times slower over two.
 */
export function gatherRows(tape: Tape, table: Variable, ids: string, count: number): Variable {
  const [rows, width] = table.dims as [number, number];
  const value = tape.graph.op("Gather", [table.value, ids], attributesOf(0));
  return tape.record([table], value, [count, width], (dy, t) => [
    () => {
      const { graph } = t;
      const first = graph.op("Mul", [graph.op("Unsqueeze", [ids, graph.ints([1])]), graph.ints([width])]);
      const columns = graph.ints(Array.from({ length: width }, (_, column) => column));
      const places = graph.op("Reshape", [graph.op("Add", [first, columns]), graph.ints([count * width])]);
      const updates = reshape(t, dy, [count * width]);
      const sums = graph.op("ScatterElements", [zeros(t, [rows * width]).value, places, updates.value], {
        attributes: { axis: 0, reduction: "add" },
      });
      return reshape(t, { ...table, value: sums, dims: [rows * width] }, table.dims);
    },
  ]);
}

/** One element a row of x [R, V], at indices int64 [R, 1] → [R, 1]; dx = dy at those places, 0 elsewhere */
export function takeAlongRows(tape: Tape, x: Variable, indices: string): Variable {
  const value = tape.graph.op("GatherElements", [x.value, indices], attributesOf(1));
  return tape.record([x], value, [x.dims[0] as number, 1], (dy, t) => [
    () => ({
      ...x,
      value: t.graph.op("ScatterElements", [zeros(t, x.dims).value, indices, dy.value], attributesOf(1)),
    }),
  ]);
}
