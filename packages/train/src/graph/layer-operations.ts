/** A decoder layer's operations as differentiable ones: whole sequences, no cache, every weight a parameter of its own name. */
import { DynamoError } from "@dynamo/core";
import type {
  Activation,
  AttentionShape,
  Convolution,
  LayerOperations,
  Norm,
  Product,
  Projections,
  Rotary,
} from "@dynamo/model";
import { bytesOf } from "../autodiff/bytes.js";
import {
  causalAttention,
  gelu,
  geluTanh,
  linear,
  normalise,
  normaliseRms,
  repeatHeads,
  rotate,
  silu,
  type CausalBlock,
  type RotaryAngles,
} from "../autodiff/composites.js";
import { causalConvolution } from "../autodiff/convolution.js";
import { add, matrixProduct, multiply, reshape, scalar, scale, split, transpose } from "../autodiff/operators.js";
import type { Tape, Variable } from "../autodiff/tape.js";

/** A parameter by its name in the checkpoint, or inside a layer. */
export type Parameters = (name: string) => Variable;

export interface Shape {
  readonly batch: number;
  readonly sequence: number;
}

export interface LayerContext extends Shape {
  readonly angles: (rotary: Rotary) => RotaryAngles;
  readonly blocks: readonly CausalBlock[];
}

/** [R, width] for R = B·S: a variable times a factor, or a product that is not computed yet, so that it can take a factor. */
export type LayerValue =
  | {
      readonly kind: "value";
      readonly variable: Variable;
      readonly factor: number;
      readonly again?: (tape: Tape) => Variable;
    }
  | { readonly kind: "product"; readonly of: (factor: number) => Variable };

/** Flat [R, heads · headSize], or by heads [B, heads, S, headSize]; queries and keys of one tensor stay together [2B, …]. */
type Operands =
  | { readonly kind: "joined"; readonly queryKey: Variable; readonly value: Variable }
  | { readonly kind: "apart"; readonly query: Variable; readonly key: Variable; readonly value: Variable };

/** A variable as a layer's value. */
export const valueOf = (variable: Variable): LayerValue => ({ kind: "value", variable, factor: 1 });

/** A layer's value as a variable. */
export function variableOf(tape: Tape, x: LayerValue): Variable {
  if (x.kind === "product") return x.of(1);
  return x.factor === 1 ? x.variable : scale(tape, x.variable, x.factor);
}

/** A norm with its gain and shift. */
export function normOf(tape: Tape, parameters: Parameters, x: Variable, norm: Norm): Variable {
  const gained = multiply(tape, statistics(tape, x, norm), gainOf(tape, parameters, norm));
  if (norm.bias !== true) return gained;
  const shift = parameters(`${norm.tensor}.bias`);
  return add(tape, gained, norm.scale === undefined ? shift : scale(tape, shift, norm.scale));
}

const statistics = (tape: Tape, x: Variable, { kind, epsilon }: Norm): Variable =>
  (kind === "layer" ? normalise : normaliseRms)(tape, x, epsilon);

function gainOf(tape: Tape, parameters: Parameters, { tensor, offset = 0, scale: factor = 1 }: Norm): Variable {
  const weight = parameters(`${tensor}.weight`);
  const gain = offset === 0 ? weight : add(tape, weight, scalar(tape, offset));
  return factor === 1 ? gain : scale(tape, gain, factor);
}

interface Affine {
  readonly weight: Variable;
  readonly bias: Variable | undefined;
}

/**
 * W·(g ⊙ n + s) + b = (W·diag(g))·n + (W·s + b): gain and shift are folded into the weights inside the graph, because those
 * are smaller than the activations.
 */
function folded(tape: Tape, p: Parameters, { norm }: Product, { weight, bias }: Affine): Affine {
  if (norm === undefined) return { weight, bias };
  const [rows, columns] = weight.dims as [number, number];
  const gained = multiply(tape, weight, gainOf(tape, p, norm));
  if (norm.bias !== true) return { weight: gained, bias };
  const shift = reshape(tape, p(`${norm.tensor}.bias`), [columns, 1]);
  const shifted = reshape(tape, matrixProduct(tape, weight, shift), [rows]);
  return { weight: gained, bias: bias === undefined ? shifted : add(tape, shifted, bias) };
}

/** All rows of a product's tensor. */
function tensorOf(tape: Tape, p: Parameters, { tensor, bias = false, isTransposed = false }: Product): Affine {
  const weight = p(`${tensor}.weight`);
  return {
    weight: isTransposed ? transpose(tape, weight, [1, 0]) : weight,
    bias: bias ? p(`${tensor}.bias`) : undefined,
  };
}

/** A product's own rows, its norm folded in, scaled. */
function affineOf(tape: Tape, p: Parameters, product: Product): Affine {
  const whole = tensorOf(tape, p, product);
  const own = (x: Variable): Variable => ownRows(tape, x, product);
  const rows = { weight: own(whole.weight), bias: whole.bias === undefined ? undefined : own(whole.bias) };
  const { weight, bias } = folded(tape, p, product, rows);
  const factor = product.scale ?? 1;
  if (factor === 1) return { weight, bias };
  return { weight: scale(tape, weight, factor), bias: bias === undefined ? undefined : scale(tape, bias, factor) };
}

/** A part's rows of a tensor whose rows come in one group. */
function ownRows(tape: Tape, x: Variable, { part }: Product): Variable {
  if (part === undefined) return x;
  const { groups, sizes, index } = part;
  const width = x.dims.slice(1);
  const grouped = reshape(tape, x, [groups, (x.dims[0] as number) / groups, ...width]);
  const own = split(tape, grouped, 1, sizes)[index] as Variable;
  return reshape(tape, own, [groups * (sizes[index] as number), ...width]);
}

export function layerOperations(
  tape: Tape,
  context: LayerContext,
  p: Parameters,
  shape: AttentionShape,
): LayerOperations<LayerValue, Operands> {
  const { batch, sequence } = context;
  const { heads, keyValueHeads, headSize, window, softCap } = shape;
  const normalised = new Map<string, Variable>();
  /** What products behind a norm read: norms of one value share its statistics. */
  const inputOf = (x: LayerValue, norm: Norm | undefined): Variable => {
    const variable = variableOf(tape, x);
    if (norm === undefined) return variable;
    const key = `${variable.value}/${norm.kind}`;
    const n = normalised.get(key) ?? statistics(tape, variable, norm);
    normalised.set(key, n);
    return n;
  };
  const pending = (input: Variable, product: Product): LayerValue => {
    const { weight, bias } = affineOf(tape.scope(product.tensor), p, product);
    return { kind: "product", of: (alpha) => linear(tape.scope(product.tensor), input, weight, bias, { alpha }) };
  };
  const byHeads = (x: Variable, count: number): Variable =>
    x.dims.length === 4 ? x : transpose(tape, reshape(tape, x, [batch, sequence, count, headSize]), [0, 2, 1, 3]);
  const normed = (x: Variable, norm: Norm): Variable => {
    const groups = [batch * sequence, (x.dims[1] as number) / norm.size, norm.size];
    return reshape(tape, normOf(tape, p, reshape(tape, x, groups), norm), x.dims);
  };
  return {
    project(x, projections, others) {
      const input = inputOf(x, projections.query.norm);
      const attention = isOneTensor(projections, shape)
        ? joinedOperands(tape.scope("qkv"), p, input, projections, { ...shape, batch, sequence })
        : apartOperands(projections, (product) => variableOf(tape, pending(input, product)));
      return { attention, others: others.map((product) => pending(inputOf(x, product.norm), product)) };
    },
    normHeads(attention, norms) {
      if (attention.kind === "joined")
        throw new DynamoError("unsupported", "norms of queries and keys that are parts of one tensor by head");
      return { ...attention, query: normed(attention.query, norms.query), key: normed(attention.key, norms.key) };
    },
    rotate(attention, rotary) {
      const turn = (y: Variable): Variable => rotate(tape.scope("attention"), y, context.angles(rotary));
      if (attention.kind === "joined") return { ...attention, queryKey: turn(attention.queryKey) };
      const [query, key] = [byHeads(attention.query, heads), byHeads(attention.key, keyValueHeads)];
      return { ...attention, query: turn(query), key: turn(key) };
    },
    attend(attention) {
      const scope = tape.scope("attention");
      const [query, key] =
        attention.kind === "joined"
          ? (split(scope, attention.queryKey, 0, [batch, batch]) as [Variable, Variable])
          : [byHeads(attention.query, heads), byHeads(attention.key, keyValueHeads)];
      const all = (y: Variable): Variable => repeatHeads(scope, byHeads(y, keyValueHeads), heads / keyValueHeads);
      const { blocks } = context;
      const attended = causalAttention(scope, query, all(key), all(attention.value), { blocks, window, softCap });
      const merged = transpose(scope, attended, [0, 2, 1, 3]);
      return valueOf(reshape(scope, merged, [batch * sequence, heads * headSize]));
    },
    products: (x, products) => products.map((product) => pending(inputOf(x, product.norm), product)),
    activate: (x, activation) => activated(tape, x, activation),
    convolve: (x, convolution) => valueOf(convolve(tape, p, variableOf(tape, x), convolution, context)),
    multiply: (a, b) => valueOf(multiply(tape, variableOf(tape, a), variableOf(tape, b))),
    add: (a, b) => valueOf(add(tape, variableOf(tape, a), variableOf(tape, b))),
    norm: (x, norm) => valueOf(normOf(tape, p, variableOf(tape, x), norm)),
    addProducts: (x, terms) => sumOf(tape, p, variableOf(tape, x), terms),
  };
}

/** Of x [R, channels]. */
function convolve(
  tape: Tape,
  p: Parameters,
  x: Variable,
  { tensor, channels, taps, bias = false }: Convolution,
  { batch, sequence }: Shape,
): Variable {
  const scope = tape.scope(tensor);
  const weight = reshape(scope, p(`${tensor}.weight`), [channels, taps]);
  const rows = reshape(scope, x, [batch, sequence, channels]);
  const convolved = causalConvolution(scope, rows, weight, bias ? p(`${tensor}.bias`) : undefined);
  return reshape(scope, convolved, x.dims);
}

/** The residual goes into the products as their third operand; one addition is left for all biases. */
function sumOf(
  tape: Tape,
  p: Parameters,
  residual: Variable,
  terms: readonly (readonly [LayerValue, Product])[],
): LayerValue {
  const biases: Variable[] = [];
  let sum = residual;
  for (const [value, product] of terms) {
    const scope = tape.scope(product.tensor);
    const { weight, bias } = affineOf(scope, p, product);
    if (bias !== undefined) biases.push(bias);
    const { variable, factor, again } =
      value.kind === "value" ? value : { variable: value.of(1), factor: 1, again: undefined };
    sum = linear(scope, variable, weight, sum, { alpha: factor, again });
  }
  return valueOf(
    biases.length === 0
      ? sum
      : add(
          tape,
          sum,
          biases.reduce((a, b) => add(tape, a, b)),
        ),
  );
}

function activated(tape: Tape, x: LayerValue, activation: Activation): LayerValue {
  if (activation === "silu") return valueOf(silu(tape, variableOf(tape, x)));
  if (activation === "gelu-tanh") return valueOf(geluTanh(tape, variableOf(tape, x)));
  const half = x.kind === "product" ? x.of(Math.SQRT1_2) : scale(tape, x.variable, x.factor * Math.SQRT1_2);
  return { kind: "value", ...gelu(tape, half) };
}

/** Whether queries, keys and values are one tensor, [head, (q, k, v), headSize], of as many heads each. */
const isOneTensor = ({ query, key, value }: Projections, { heads, headSize }: AttentionShape): boolean =>
  query.tensor === key.tensor &&
  key.tensor === value.tensor &&
  query.part?.groups === heads &&
  query.part.sizes.every((size) => size === headSize);

function apartOperands(
  { query, key, value }: Projections,
  compute: (product: Product) => Variable,
): Extract<Operands, { kind: "apart" }> {
  return { kind: "apart", query: compute(query), key: compute(key), value: compute(value) };
}

/** One product for all of them: from [R, heads · (q, k, v) · headSize] to [2B, heads, S, headSize] and [B, …]. */
function joinedOperands(
  tape: Tape,
  p: Parameters,
  input: Variable,
  projections: Projections,
  { batch, sequence, heads, headSize }: Shape & AttentionShape,
): Extract<Operands, { kind: "joined" }> {
  const { query } = projections;
  const whole = folded(tape, p, query, tensorOf(tape, p, query));
  const { weight, bias } = rowsScaled(tape, whole, projections, { heads, headSize });
  const fused = linear(tape, input, weight, bias);
  const apart = reshape(tape, fused, [batch, sequence, heads, 3, headSize]);
  const [qk, v] = split(tape, transpose(tape, apart, [3, 0, 2, 1, 4]), 0, [2, 1]) as [Variable, Variable];
  const dims = [batch, heads, sequence, headSize];
  return {
    kind: "joined",
    queryKey: reshape(tape, qk, dims.with(0, 2 * batch)),
    value: reshape(tape, v, dims),
  };
}

/** Each projection's factor on its rows; the rotation keeps factors. */
function rowsScaled(
  tape: Tape,
  { weight, bias }: Affine,
  { query, key, value }: Projections,
  { heads, headSize }: Pick<AttentionShape, "heads" | "headSize">,
): Affine {
  const rows = 3 * heads * headSize;
  const scales = [query, key, value].map((product) => product.scale ?? 1);
  const factors = (): Float32Array =>
    Float32Array.from({ length: rows }, (_, i) => scales[Math.floor(i / headSize) % 3] as number);
  const constant = tape.graph.initializer(`row_scale.${rows}`, "float32", [rows], () => bytesOf(factors()), {
    shared: true,
  });
  const factor: Variable = { value: constant, dims: [rows], tracked: false };
  return {
    weight: multiply(tape, weight, reshape(tape, factor, [rows, 1])),
    bias: bias === undefined ? undefined : multiply(tape, bias, factor),
  };
}
