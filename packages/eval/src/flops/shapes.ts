/**
 * Shapes of a graph's values, node by node, all dims being numbers: what a pass of so many rows and positions computes.
 * Small integer values are followed too, where they are shapes, sizes and axes of later nodes.
 */
import { DynamoError } from "@dynamo/core";
import type { OnnxNode } from "@dynamo/onnx";

export interface Shaped {
  readonly dims: readonly number[];
  /** Of shapes, axes and counts; undefined for what nobody needs. */
  readonly values?: readonly number[] | undefined;
}

/** The output shapes of one node. Inputs that are left out are undefined. */
type Rule = (inputs: readonly (Shaped | undefined)[], node: OnnxNode) => readonly Shaped[];

/** Throws `unsupported` for an operator that has no rule here, `invalid-file` for shapes that do not fit it. */
export function outputShapes(node: OnnxNode, inputs: readonly (Shaped | undefined)[]): readonly Shaped[] {
  const rule = rules.get(node.opType);
  if (rule === undefined)
    throw new DynamoError("unsupported", `${node.name}: the shapes of operator ${node.opType} are not known here`);
  return rule(inputs, node);
}

export const product = (dims: readonly number[]): number => dims.reduce((all, dim) => all * dim, 1);

export function intOf({ attributes }: OnnxNode, name: string, otherwise: number): number {
  const attribute = attributes[name];
  return attribute?.kind === "int" ? attribute.value : otherwise;
}

function need(value: Shaped | undefined, { name }: OnnxNode): Shaped {
  if (value === undefined) throw new DynamoError("invalid-file", `${name}: an input's shape is not known`);
  return value;
}

function valuesOf(value: Shaped | undefined, node: OnnxNode): readonly number[] {
  const { values } = need(value, node);
  if (values === undefined)
    throw new DynamoError("unsupported", `${node.name}: its shape depends on numbers that only a pass knows`);
  return values;
}

/** NumPy's broadcasting. */
function broadcast(shapes: readonly (readonly number[])[], node: OnnxNode): number[] {
  const rank = Math.max(0, ...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, axis) => {
    const dims = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1).filter((dim) => dim !== 1);
    const [dim = 1] = dims;
    if (dims.some((other) => other !== dim))
      throw new DynamoError("invalid-file", `${node.name}: shapes ${JSON.stringify(shapes)} do not broadcast`);
    return dim;
  });
}

/** [..., M, K] by [..., K, N]. */
export function matrixProduct(a: Shaped, b: Shaped, node: OnnxNode): number[] {
  const [inner, other] = [a.dims.at(-1), b.dims.at(-2)];
  if (inner === undefined || inner !== other)
    throw new DynamoError(
      "invalid-file",
      `${node.name}: expected ${inner} rows of the second matrix, received ${other}`,
    );
  const batches = broadcast([a.dims.slice(0, -2), b.dims.slice(0, -2)], node);
  return [...batches, ...(a.dims.length > 1 ? [a.dims.at(-2) as number] : []), b.dims.at(-1) as number];
}

const place = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
const replaced = (dims: readonly number[], axis: number, dim: number): number[] =>
  dims.map((own, i) => (i === place(axis, dims.length) ? dim : own));

const same: Rule = ([x], node) => [need(x, node)];
const elementwise: Rule = (inputs, node) => [
  {
    dims: broadcast(
      inputs.map((x) => need(x, node).dims),
      node,
    ),
  },
];
const shapeOnly: Rule = ([x], node) => [{ dims: need(x, node).dims }];
const gathered: Rule = ([data, ids], node) => {
  const axis = intOf(node, "axis", intOf(node, "gather_axis", 0));
  const { dims } = need(data, node);
  const at = place(axis, dims.length);
  return [{ dims: [...dims.slice(0, at), ...need(ids, node).dims, ...dims.slice(at + 1)] }];
};
const multiplied: Rule = ([a, b], node) => [{ dims: matrixProduct(need(a, node), need(b, node), node) }];

const reshape: Rule = ([x, shape], node) => {
  const { dims, values } = need(x, node);
  const wanted = valuesOf(shape, node).map((dim, i) => (dim === 0 ? (dims[i] ?? 0) : dim));
  const known = product(wanted.filter((dim) => dim !== -1));
  const whole = wanted.map((dim) => (dim === -1 ? (known === 0 ? 0 : product(dims) / known) : dim));
  if (product(whole) !== product(dims))
    throw new DynamoError("invalid-file", `${node.name}: ${dims.join("×")} does not fit ${whole.join("×")}`);
  return [{ dims: whole, values }];
};

const split: Rule = ([x, sizes], node) => {
  const { dims } = need(x, node);
  const axis = intOf(node, "axis", 0);
  const dim = dims[place(axis, dims.length)] ?? 0;
  const count = node.outputs.length;
  const parts = sizes === undefined ? Array.from({ length: count }, () => dim / count) : valuesOf(sizes, node);
  return parts.map((part) => ({ dims: replaced(dims, axis, part) }));
};

const slice: Rule = ([x, starts, ends, axes, steps], node) => {
  const { dims } = need(x, node);
  const [from, to] = [valuesOf(starts, node), valuesOf(ends, node)];
  const along = axes === undefined ? from.map((_, i) => i) : valuesOf(axes, node);
  const strides = steps === undefined ? from.map(() => 1) : valuesOf(steps, node);
  const cut = [...dims];
  for (const [i, axis] of along.entries()) {
    const dim = dims[place(axis, dims.length)] ?? 0;
    const clamp = (end: number): number => Math.max(0, Math.min(dim, end < 0 ? end + dim : end));
    const length = Math.ceil((clamp(to[i] ?? dim) - clamp(from[i] ?? 0)) / (strides[i] ?? 1));
    cut[place(axis, dims.length)] = Math.max(0, length);
  }
  return [{ dims: cut }];
};

const concat: Rule = (inputs, node) => {
  const all = inputs.map((x) => need(x, node));
  const axis = intOf(node, "axis", 0);
  const first = all[0]?.dims ?? [];
  const dim = all.reduce((sum, { dims }) => sum + (dims[place(axis, first.length)] ?? 0), 0);
  const known = first.length === 1 && all.every(({ values }) => values !== undefined);
  return [{ dims: replaced(first, axis, dim), values: known ? all.flatMap(({ values }) => values ?? []) : undefined }];
};

const unsqueeze: Rule = ([x, axes], node) => {
  const { dims, values } = need(x, node);
  const added = valuesOf(axes, node);
  const rank = dims.length + added.length;
  const places = new Set(added.map((axis) => place(axis, rank)));
  const rest = [...dims];
  return [{ dims: Array.from({ length: rank }, (_, i) => (places.has(i) ? 1 : (rest.shift() ?? 1))), values }];
};

const squeeze: Rule = ([x, axes], node) => {
  const { dims, values } = need(x, node);
  const places = axes === undefined ? undefined : valuesOf(axes, node).map((axis) => place(axis, dims.length));
  return [{ dims: dims.filter((dim, i) => (places === undefined ? dim !== 1 : !places.includes(i))), values }];
};

const transpose: Rule = ([x], node) => {
  const { dims } = need(x, node);
  const { perm } = node.attributes;
  const order = perm?.kind === "ints" ? perm.value : [...dims.keys()].reverse();
  return [{ dims: order.map((axis) => dims[axis] ?? 0) }];
};

const range: Rule = (inputs, node) => {
  const [start = 0, limit = 0, step = 1] = inputs.map((x) => valuesOf(x, node)[0]);
  return [{ dims: [Math.max(0, Math.ceil((limit - start) / step))] }];
};

const shape: Rule = ([x], node) => {
  const { dims } = need(x, node);
  const values = dims.slice(intOf(node, "start", 0), intOf(node, "end", dims.length));
  return [{ dims: [values.length], values }];
};

const topK: Rule = ([x, k], node) => {
  const { dims } = need(x, node);
  const best = replaced(dims, intOf(node, "axis", -1), valuesOf(k, node)[0] ?? 0);
  return [{ dims: best }, { dims: best }];
};

const gatherNd: Rule = ([x, indices], node) => {
  const [{ dims }, { dims: at }] = [need(x, node), need(indices, node)];
  return [{ dims: [...at.slice(0, -1), ...dims.slice(intOf(node, "batch_dims", 0) + (at.at(-1) ?? 0))] }];
};

const gemm: Rule = ([a, b], node) => {
  const turned = (x: Shaped, flag: string): number[] =>
    intOf(node, flag, 0) === 1 ? [...x.dims].reverse() : [...x.dims];
  const [first, second] = [turned(need(a, node), "transA"), turned(need(b, node), "transB")];
  return [{ dims: matrixProduct({ dims: first }, { dims: second }, node) }];
};

const argMax: Rule = ([x], node) => {
  const { dims } = need(x, node);
  const axis = place(intOf(node, "axis", 0), dims.length);
  const isKept = intOf(node, "keepdims", 1) === 1;
  return [{ dims: isKept ? replaced(dims, axis, 1) : dims.filter((_, i) => i !== axis) }];
};

/** With its axes kept as 1. */
const reduced: Rule = ([x, axes], node) => [
  { dims: valuesOf(axes, node).reduce((dims, axis) => replaced(dims, axis, 1), [...need(x, node).dims]) },
];

const pad: Rule = ([x, pads], node) => {
  const { dims } = need(x, node);
  const sizes = valuesOf(pads, node);
  return [{ dims: dims.map((dim, i) => dim + (sizes[i] ?? 0) + (sizes[i + dims.length] ?? 0)) }];
};

/** Of a sum and its norm: the norm, two that only training reads, the sum. */
const sumAndNorm: Rule = ([x], node) => {
  const { dims } = need(x, node);
  const statistics = { dims: replaced(dims, -1, 1) };
  return [{ dims }, statistics, statistics, { dims }];
};

const each = (names: string, rule: Rule): [string, Rule][] => names.split(" ").map((name) => [name, rule]);

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...each("Identity Cast", same),
  ...each(
    "Softmax LayerNormalization SimplifiedLayerNormalization Gelu RotaryEmbedding Log Exp Erf Tanh CastLike",
    shapeOnly,
  ),
  ["SkipSimplifiedLayerNormalization", sumAndNorm],
  ...each("Sqrt Neg Not Relu Sigmoid FastGelu Abs QuantizeLinear", shapeOnly),
  ...each("Add Sub Mul Div Mod Min Max Pow Where Less LessOrEqual Greater GreaterOrEqual Equal And Or", elementwise),
  ...each("BitwiseAnd BitShift", elementwise),
  ...each("Gather GatherBlockQuantized", gathered),
  ...each("MatMul MatMulInteger FusedMatMul", multiplied),
  ["MatMulNBits", ([x], node) => [{ dims: replaced(need(x, node).dims, -1, intOf(node, "N", 0)) }]],
  ["Gemm", gemm],
  ["Reshape", reshape],
  ["Split", split],
  ["Slice", slice],
  ["Concat", concat],
  ["Unsqueeze", unsqueeze],
  ["Squeeze", squeeze],
  ["Transpose", transpose],
  ["Range", range],
  ["Shape", shape],
  ["TopK", topK],
  ["GatherND", gatherNd],
  ["ArgMax", argMax],
  ...each("ReduceSum ReduceMax", reduced),
  ["Pad", pad],
  ["GatherElements", ([, indices], node) => [{ dims: need(indices, node).dims }]],
  ["Expand", ([x, to], node) => [{ dims: broadcast([need(x, node).dims, valuesOf(to, node)], node) }]],
  ["DynamicQuantizeLinear", ([x], node) => [{ dims: need(x, node).dims }, { dims: [] }, { dims: [] }]],
]);
