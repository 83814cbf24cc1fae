/**
 * One GPT-NeoX decoder layer's weights, regrouped for few, large products. The layer is
 * x + attention(norm1(x)) + mlp(norm2(x)): both norms share their statistics, so their gains and shifts are folded into
 * the weights behind them and one normalisation serves both branches.
 */
import type { NeoxConfig } from "./config.js";
import type { LinearWeights, LoadFloats } from "./weights.js";

/** Reads a checkpoint's tensor by its full name. */
export type ReadTensor = (name: string) => Promise<Float32Array>;

/** Reads one tensor of a layer by its name inside the layer, e.g. "attention.dense.weight". */
export type ReadLayer = (name: string) => Promise<Float32Array>;

export const layerReader =
  (read: ReadTensor, prefix: string): ReadLayer =>
  (name) =>
    read(`${prefix}.${name}`);

/** Rows of `query_key_value`, whose layout is [head, (q, k, v), headSize]. */
export type Projection = "query" | "key" | "value" | "mlp";

const qkvIndex = { query: 0, key: 1, value: 2 } as const;

interface Affine {
  /** [rows, hidden] */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

export function projectionSize(config: NeoxConfig, projection: Projection): number {
  return projection === "mlp" ? config.intermediateSize : config.hiddenSize;
}

/** A projection of the normalised input with its norm folded in; queries come scaled by 1/sqrt(headSize). */
async function readProjection(config: NeoxConfig, read: ReadLayer, projection: Projection): Promise<Affine> {
  if (projection === "mlp") {
    const [weight, bias] = [await read("mlp.dense_h_to_4h.weight"), await read("mlp.dense_h_to_4h.bias")];
    return foldNorm(
      weight,
      bias,
      await read("post_attention_layernorm.weight"),
      await read("post_attention_layernorm.bias"),
      1,
    );
  }
  const { hiddenSize, attentionHeads, headSize } = config;
  const [fused, fusedBias] = [
    await read("attention.query_key_value.weight"),
    await read("attention.query_key_value.bias"),
  ];
  const weight = new Float32Array(hiddenSize * hiddenSize);
  const bias = new Float32Array(hiddenSize);
  for (let head = 0; head < attentionHeads; head++) {
    const from = (head * 3 + qkvIndex[projection]) * headSize;
    weight.set(fused.subarray(from * hiddenSize, (from + headSize) * hiddenSize), head * headSize * hiddenSize);
    bias.set(fusedBias.subarray(from, from + headSize), head * headSize);
  }
  const scale = projection === "query" ? 1 / Math.sqrt(headSize) : 1;
  return foldNorm(weight, bias, await read("input_layernorm.weight"), await read("input_layernorm.bias"), scale);
}

/** W·(g ⊙ n + s) + b = (W·diag(g))·n + (W·s + b), everything times `scale`. */
function foldNorm(
  weight: Float32Array,
  bias: Float32Array,
  gain: Float32Array,
  shift: Float32Array,
  scale: number,
): Affine {
  const columns = gain.length;
  const folded = new Float32Array(weight.length);
  const foldedBias = new Float32Array(bias.length);
  for (let row = 0; row < bias.length; row++) {
    let sum = bias[row] as number;
    for (let column = 0; column < columns; column++) {
      const value = weight[row * columns + column] as number;
      sum += value * (shift[column] as number);
      folded[row * columns + column] = value * (gain[column] as number) * scale;
    }
    foldedBias[row] = sum * scale;
  }
  return { weight: folded, bias: foldedBias };
}

/** Several projections of one or more layers' input as one product, in the order given. */
export function inputProduct(
  config: NeoxConfig,
  name: string,
  parts: readonly { readonly read: ReadLayer; readonly projection: Projection }[],
): LinearWeights {
  const inputs = config.hiddenSize;
  const outputs = parts.reduce((sum, { projection }) => sum + projectionSize(config, projection), 0);
  const load =
    (pick: (affine: Affine) => Float32Array, length: number): LoadFloats =>
    async () => {
      const whole = new Float32Array(length);
      let offset = 0;
      for (const { read, projection } of parts) {
        const part = pick(await readProjection(config, read, projection));
        whole.set(part, offset);
        offset += part.length;
      }
      return whole;
    };
  return {
    name,
    inputs,
    outputs,
    load: load(({ weight }) => weight, outputs * inputs),
    loadBias: load(({ bias }) => bias, outputs),
  };
}

/** The attention's and the MLP's output products as one over [attention | mlp]; their biases add up. */
export function outputProduct(config: NeoxConfig, name: string, read: ReadLayer): LinearWeights {
  const { hiddenSize, intermediateSize } = config;
  const inputs = hiddenSize + intermediateSize;
  return {
    name,
    inputs,
    outputs: hiddenSize,
    async load() {
      const [dense, mlp] = [await read("attention.dense.weight"), await read("mlp.dense_4h_to_h.weight")];
      const whole = new Float32Array(hiddenSize * inputs);
      for (let row = 0; row < hiddenSize; row++) {
        whole.set(dense.subarray(row * hiddenSize, (row + 1) * hiddenSize), row * inputs);
        whole.set(mlp.subarray(row * intermediateSize, (row + 1) * intermediateSize), row * inputs + hiddenSize);
      }
      return whole;
    },
    async loadBias() {
      const [dense, mlp] = [await read("attention.dense.bias"), await read("mlp.dense_4h_to_h.bias")];
      return dense.map((value, i) => value + (mlp[i] as number));
    },
  };
}
