/**
 * A layer's products as the graph computes them: few and large. Norms' gains and shifts are folded into the weights behind
 * them, parts of a tensor are taken out of it, and products on one input, or of one sum, become one.
 */
import type { Norm, Product } from "../architectures/architecture.js";
import { transpose, type LinearWeights, type LoadFloats } from "./weights.js";

/** Reads a checkpoint's tensor by its full name. */
export type ReadTensor = (name: string) => Promise<Float32Array>;

/** Reads one tensor of a layer by its name inside the layer, e.g. "attention.dense.weight". */
export type ReadLayer = (name: string) => Promise<Float32Array>;

export const layerReader =
  (read: ReadTensor, prefix: string): ReadLayer =>
  (name) =>
    read(`${prefix}.${name}`);

/** A product with where its tensors are read. */
export interface ReadProduct {
  readonly read: ReadLayer;
  readonly product: Product;
}

/** A norm's gain, offset and factor included. */
export async function readGain(read: ReadLayer, { tensor, offset = 0, scale = 1 }: Norm): Promise<Float32Array> {
  const weight = await read(`${tensor}.weight`);
  return offset === 0 && scale === 1 ? weight : weight.map((value) => (value + offset) * scale);
}

/** A norm's shift, factor included. */
export async function readShift(read: ReadLayer, { tensor, scale = 1 }: Norm): Promise<Float32Array> {
  const bias = await read(`${tensor}.bias`);
  return scale === 1 ? bias : bias.map((value) => value * scale);
}

/** W with the norm of its input folded in, [outputs, inputs]: scale · W·diag(gain). */
async function readWeight({ read, product }: ReadProduct): Promise<Float32Array> {
  const { norm, scale = 1 } = product;
  const weight = await ownRows(read, product);
  if (norm === undefined) return scale === 1 ? weight : weight.map((value) => value * scale);
  const gain = await readGain(read, norm);
  const folded = new Float32Array(weight.length);
  for (let i = 0; i < weight.length; i += gain.length) {
    for (let column = 0; column < gain.length; column++)
      folded[i + column] = (weight[i + column] as number) * (gain[column] as number) * scale;
  }
  return folded;
}

/** scale · (W·shift + b), [outputs]; zeros for a product without either. */
async function readBias({ read, product }: ReadProduct): Promise<Float32Array> {
  const { tensor, inputs, outputs, bias = false, norm, scale = 1 } = product;
  const own = bias ? partOf(await read(`${tensor}.bias`), product, 1) : new Float32Array(outputs);
  if (norm?.bias !== true) return scale === 1 ? own : own.map((value) => value * scale);
  const [weight, shift] = [await ownRows(read, product), await readShift(read, norm)];
  return own.map((value, row) => {
    let sum = value;
    for (let column = 0; column < inputs; column++)
      sum += (weight[row * inputs + column] as number) * (shift[column] as number);
    return sum * scale;
  });
}

/** The product's own rows of its tensor, [outputs, inputs]. */
async function ownRows(read: ReadLayer, product: Product): Promise<Float32Array> {
  const { tensor, inputs, isTransposed = false } = product;
  const stored = await read(`${tensor}.weight`);
  return partOf(isTransposed ? transpose(stored, inputs, stored.length / inputs) : stored, product, inputs);
}

/** A part's rows out of a tensor of rows of `width`. */
function partOf(whole: Float32Array, { outputs, part }: Product, width: number): Float32Array {
  if (part === undefined) return whole;
  const { groups, sizes, index } = part;
  const stride = sizes.reduce((sum, size) => sum + size, 0) * width;
  const first = sizes.slice(0, index).reduce((sum, size) => sum + size, 0) * width;
  const length = (sizes[index] as number) * width;
  const own = new Float32Array(outputs * width);
  for (let group = 0; group < groups; group++) {
    const from = group * stride + first;
    own.set(whole.subarray(from, from + length), group * length);
  }
  return own;
}

const hasBias = ({ bias = false, norm }: Product): boolean => bias || norm?.bias === true;

/** Several products of one input as one, in the order given. */
export function inputProduct(name: string, parts: readonly ReadProduct[]): LinearWeights {
  const inputs = (parts[0] as ReadProduct).product.inputs;
  const outputs = parts.reduce((sum, { product }) => sum + product.outputs, 0);
  const stacked =
    (readPart: (part: ReadProduct) => Promise<Float32Array>, length: number): LoadFloats =>
    async () => {
      const whole = new Float32Array(length);
      let offset = 0;
      for (const part of parts) {
        const values = await readPart(part);
        whole.set(values, offset);
        offset += values.length;
      }
      return whole;
    };
  return {
    name,
    inputs,
    outputs,
    load: stacked(readWeight, outputs * inputs),
    ...(parts.some(({ product }) => hasBias(product)) ? { loadBias: stacked(readBias, outputs) } : {}),
  };
}

/** A sum of products as one over their inputs side by side; biases add up. */
export function sumProduct(name: string, parts: readonly ReadProduct[]): LinearWeights {
  const outputs = (parts[0] as ReadProduct).product.outputs;
  const inputs = parts.reduce((sum, { product }) => sum + product.inputs, 0);
  return {
    name,
    inputs,
    outputs,
    async load() {
      if (parts.length === 1) return readWeight(parts[0] as ReadProduct);
      const whole = new Float32Array(outputs * inputs);
      let first = 0;
      for (const part of parts) {
        const [weight, width] = [await readWeight(part), part.product.inputs];
        for (let row = 0; row < outputs; row++)
          whole.set(weight.subarray(row * width, (row + 1) * width), row * inputs + first);
        first += width;
      }
      return whole;
    },
    ...(parts.some(({ product }) => hasBias(product))
      ? {
          async loadBias() {
            const sum = new Float32Array(outputs);
            for (const part of parts) (await readBias(part)).forEach((value, i) => (sum[i] = (sum[i] ?? 0) + value));
            return sum;
          },
        }
      : {}),
  };
}
