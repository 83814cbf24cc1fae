/**
 * Evaluates ONNX graphs in float64, an element at a time, for the operators that training graphs are made of. For tests only:
 * finite differences need more digits than ONNX Runtime's kernels have.
 */
import type { Attribute, OnnxGraph, OnnxNode } from "@dynamo/onnx";
import { viewOf } from "@dynamo/core";

export interface Dense {
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

export const dense = (dims: readonly number[], data: ArrayLike<number>): Dense => ({
  dims,
  data: Float64Array.from(data),
});

/** Every value of the graph by its name, from the graph's inputs. */
export async function evaluate(graph: OnnxGraph, inputs: Readonly<Record<string, Dense>>): Promise<Map<string, Dense>> {
  const values = new Map(Object.entries(inputs));
  for (const { name, dtype, dims, load } of graph.initializers) {
    const bytes = (await load()).slice();
    const array = viewOf(dtype, bytes.buffer, 0, size(dims)) as ArrayLike<number | bigint>;
    values.set(name, dense(dims, Array.from(array, Number)));
  }
  for (const node of graph.nodes) {
    const kernel = kernels[node.opType];
    if (kernel === undefined) throw new Error(`the oracle has no ${node.opType}`);
    const operands = node.inputs.map((name) => values.get(name));
    const results = kernel(operands as Dense[], node);
    for (const [i, name] of node.outputs.entries()) values.set(name, results[i] as Dense);
  }
  return values;
}

/** Zeros before and behind each axis; pads below 0 take away. */
function pad(x: Dense, pads: ArrayLike<number>): Dense {
  const rank = x.dims.length;
  const dims = x.dims.map((length, axis) => length + (pads[axis] as number) + (pads[axis + rank] as number));
  return build(dims, (index) => {
    const source = index.map((i, axis) => i - (pads[axis] as number));
    return source.every((i, axis) => i >= 0 && i < (x.dims[axis] as number)) ? at(x, source) : 0;
  });
}

type Kernel = (inputs: readonly Dense[], node: OnnxNode) => Dense[];

const size = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

function attribute(node: OnnxNode, name: string): Attribute["value"] | undefined {
  return node.attributes[name]?.value;
}
const axisOf = (node: OnnxNode, rank: number, fallback = 0): number => {
  const axis = Number(attribute(node, "axis") ?? fallback);
  return axis < 0 ? axis + rank : axis;
};

/** Calls `f` with every index of `dims`. */
function eachIndex(dims: readonly number[], f: (index: number[], flat: number) => void): void {
  const total = size(dims);
  const index = dims.map(() => 0);
  for (let flat = 0; flat < total; flat++) {
    f(index, flat);
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (dims[axis] as number)) break;
      index[axis] = 0;
    }
  }
}

/** The flat place of an index, where axes of size 1 are repeated and missing leading ones left out. */
function place(dims: readonly number[], index: readonly number[]): number {
  const skip = index.length - dims.length;
  return dims.reduce((flat, length, axis) => flat * length + (length === 1 ? 0 : (index[axis + skip] as number)), 0);
}

const at = ({ dims, data }: Dense, index: readonly number[]): number => data[place(dims, index)] as number;

function build(dims: readonly number[], f: (index: number[]) => number): Dense {
  const data = new Float64Array(size(dims));
  eachIndex(dims, (index, flat) => {
    data[flat] = f(index);
  });
  return { dims, data };
}

function broadcastDims(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => Math.max(a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1));
}

const unary =
  (f: (x: number) => number): Kernel =>
  ([x]) => [dense((x as Dense).dims, (x as Dense).data.map(f))];

const binary =
  (f: (a: number, b: number) => number): Kernel =>
  (inputs) => [inputs.reduce((a, b) => build(broadcastDims(a.dims, b.dims), (index) => f(at(a, index), at(b, index))))];

function reduce(x: Dense, axes: readonly number[], keep: boolean, f: (sum: number, value: number) => number): Dense {
  const kept = x.dims.map((length, axis) => (axes.includes(axis) ? 1 : length));
  const data = new Float64Array(size(kept));
  eachIndex(x.dims, (index, flat) => {
    const target = place(kept, index);
    data[target] = f(data[target] as number, x.data[flat] as number);
  });
  return { dims: keep ? kept : x.dims.filter((_, axis) => !axes.includes(axis)), data };
}

const reduction =
  (f: (sum: number, value: number) => number): Kernel =>
  ([x, axes], node) => {
    const all = (x as Dense).dims.map((_, axis) => axis);
    const chosen = axes === undefined ? all : Array.from(axes.data, (axis) => (axis < 0 ? axis + all.length : axis));
    return [reduce(x as Dense, chosen, attribute(node, "keepdims") !== 0, f)];
  };

/** Rows along the last axis. */
function mapRows(x: Dense, f: (row: Float64Array) => ArrayLike<number>): Dense {
  const width = x.dims.at(-1) as number;
  const data = new Float64Array(x.data.length);
  for (let start = 0; start < data.length; start += width) data.set(f(x.data.subarray(start, start + width)), start);
  return { dims: x.dims, data };
}

function matMul(a: Dense, b: Dense): Dense {
  const inner = a.dims.at(-1) as number;
  const stack = broadcastDims(a.dims.slice(0, -2), b.dims.slice(0, -2));
  return build([...stack, a.dims.at(-2) as number, b.dims.at(-1) as number], (index) => {
    const [outer, row, column] = [index.slice(0, -2), index.at(-2) as number, index.at(-1) as number];
    let sum = 0;
    for (let i = 0; i < inner; i++) sum += at(a, [...outer, row, i]) * at(b, [...outer, i, column]);
    return sum;
  });
}

const transposed = (x: Dense, order: readonly number[]): Dense =>
  build(
    order.map((axis) => x.dims[axis] as number),
    (index) =>
      at(
        x,
        order.map((_, axis) => index[order.indexOf(axis)] as number),
      ),
  );

const flip = (x: Dense): Dense => transposed(x, [1, 0]);

const kernels: Readonly<Record<string, Kernel>> = {
  Identity: ([x]) => [x as Dense],
  Cast: ([x]) => [x as Dense],
  Add: binary((a, b) => a + b),
  Sum: binary((a, b) => a + b),
  Sub: binary((a, b) => a - b),
  Mul: binary((a, b) => a * b),
  Div: binary((a, b) => a / b),
  Max: binary(Math.max),
  Min: binary(Math.min),
  Neg: unary((x) => -x),
  Sigmoid: unary((x) => 1 / (1 + Math.exp(-x))),
  Tanh: unary(Math.tanh),
  Reciprocal: unary((x) => 1 / x),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Sqrt: unary(Math.sqrt),
  Erf: unary(erf),
  ReduceSum: reduction((sum, value) => sum + value),
  ReduceSumSquare: reduction((sum, value) => sum + value * value),
  Pad: ([x, pads]) => [pad(x as Dense, (pads as Dense).data)],
  Expand: ([x, dims]) => [
    build(broadcastDims((x as Dense).dims, [...(dims as Dense).data]), (index) => at(x as Dense, index)),
  ],
  Softmax: ([x]) => [
    mapRows(x as Dense, (row) => {
      const largest = Math.max(...row);
      const exponentials = row.map((value) => Math.exp(value - largest));
      const sum = exponentials.reduce((a, b) => a + b);
      return exponentials.map((value) => value / sum);
    }),
  ],
  MatMul: ([a, b]) => [matMul(a as Dense, b as Dense)],
  Gemm: ([a, b, c], node) => {
    const left = attribute(node, "transA") === 1 ? flip(a as Dense) : (a as Dense);
    const right = attribute(node, "transB") === 1 ? flip(b as Dense) : (b as Dense);
    const [alpha, beta] = ["alpha", "beta"].map((name) => Number(attribute(node, name) ?? 1)) as [number, number];
    const product = matMul(left, right);
    return [build(product.dims, (index) => alpha * at(product, index) + (c === undefined ? 0 : beta * at(c, index)))];
  },
  Transpose: ([x], node) => [transposed(x as Dense, attribute(node, "perm") as readonly number[])],
  Reshape: ([x, dims]) => [{ dims: [...(dims as Dense).data], data: (x as Dense).data }],
  Unsqueeze: ([x, axes]) => {
    const dims = [...(x as Dense).dims];
    for (const axis of (axes as Dense).data) dims.splice(axis, 0, 1);
    return [{ dims, data: (x as Dense).data }];
  },
  Split: ([x, sizes], node) => {
    const { dims } = x as Dense;
    const axis = axisOf(node, dims.length);
    let offset = 0;
    return Array.from((sizes as Dense).data, (length) => {
      const from = offset;
      offset += length;
      return build(dims.with(axis, length), (index) =>
        at(x as Dense, index.with(axis, (index[axis] as number) + from)),
      );
    });
  },
  Concat: (parts, node) => {
    const { dims } = parts[0] as Dense;
    const axis = axisOf(node, dims.length);
    const total = parts.reduce((sum, part) => sum + (part.dims[axis] as number), 0);
    return [
      build(dims.with(axis, total), (index) => {
        let offset = index[axis] as number;
        for (const part of parts) {
          if (offset < (part.dims[axis] as number)) return at(part, index.with(axis, offset));
          offset -= part.dims[axis] as number;
        }
        throw new Error("outside");
      }),
    ];
  },
  Slice: ([x, starts, ends, axes]) => {
    const { dims } = x as Dense;
    const axis = (axes as Dense).data[0] as number;
    const from = (starts as Dense).data[0] as number;
    const length = Math.min((ends as Dense).data[0] as number, dims[axis] as number) - from;
    return [
      build(dims.with(axis, length), (index) => at(x as Dense, index.with(axis, (index[axis] as number) + from))),
    ];
  },
  Gather: ([x, ids], node) => {
    const axis = axisOf(node, (x as Dense).dims.length);
    const { dims } = x as Dense;
    const own = (ids as Dense).dims;
    return [
      build([...dims.slice(0, axis), ...own, ...dims.slice(axis + 1)], (index) => {
        const id = at(ids as Dense, index.slice(axis, axis + own.length));
        return at(x as Dense, [...index.slice(0, axis), id, ...index.slice(axis + own.length)]);
      }),
    ];
  },
  GatherElements: ([x, ids], node) => {
    const axis = axisOf(node, (x as Dense).dims.length);
    return [build((ids as Dense).dims, (index) => at(x as Dense, index.with(axis, at(ids as Dense, index))))];
  },
  ScatterElements: ([x, ids, updates], node) => {
    const axis = axisOf(node, (x as Dense).dims.length);
    const data = (x as Dense).data.slice();
    const adds = attribute(node, "reduction") === "add";
    eachIndex((ids as Dense).dims, (index, flat) => {
      const target = place((x as Dense).dims, index.with(axis, (ids as Dense).data[flat] as number));
      data[target] = ((updates as Dense).data[flat] as number) + (adds ? (data[target] as number) : 0);
    });
    return [{ dims: (x as Dense).dims, data }];
  },
  LayerNormalization: ([x, gain], node) => {
    const epsilon = Number(attribute(node, "epsilon"));
    const means: number[] = [];
    const inverses: number[] = [];
    const y = mapRows(x as Dense, (row) => {
      const mean = row.reduce((a, b) => a + b) / row.length;
      const inverse = 1 / Math.sqrt(row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length + epsilon);
      means.push(mean);
      inverses.push(inverse);
      return row.map((value, i) => (value - mean) * inverse * ((gain as Dense).data[i] as number));
    });
    const dims = (x as Dense).dims.with(-1, 1);
    return [y, dense(dims, means), dense(dims, inverses)];
  },
  RotaryEmbedding: ([x, , cosines, sines], node) => {
    const { dims } = x as Dense;
    const width = Number(attribute(node, "rotary_embedding_dim")) || (dims[3] as number);
    const half = width / 2;
    return [
      build(dims, (index) => {
        const [position, i] = [index[2] as number, index[3] as number];
        if (i >= width) return at(x as Dense, index);
        const cosine = at(cosines as Dense, [position, i % half]);
        const sine = at(sines as Dense, [position, i % half]);
        const other = at(x as Dense, index.with(3, i < half ? i + half : i - half));
        return at(x as Dense, index) * cosine + (i < half ? -1 : 1) * other * sine;
      }),
    ];
  },
};

/** By its Taylor series up to 3, and by Laplace's continued fraction beyond, to about 1e-12. */
function erf(x: number): number {
  const length = Math.abs(x);
  if (length > 3) {
    let fraction = length;
    for (let n = 60; n >= 1; n--) fraction = length + n / 2 / fraction;
    return Math.sign(x) * (1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction));
  }
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
