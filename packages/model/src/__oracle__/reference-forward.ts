/**
 * The DynaMo GPT-NeoX in float64, written as the formulas are: no cache, no batch, nothing fused. For tests only: what
 * graphs compute is compared with it.
 */
import type { ModelConfig } from "../architectures/config.js";

/** A tensor of the checkpoint by its full name, row-major. */
export type ReadTensor = (name: string) => Promise<ArrayLike<number>>;

/** [T, width], row-major. */
interface Rows {
  readonly width: number;
  readonly data: Float64Array;
}

/** Logits of heads 1..N at every position of one sequence: [head] → [T · V]. */
export async function referenceLogits(
  read: ReadTensor,
  config: ModelConfig,
  tokens: ArrayLike<number>,
): Promise<Float64Array[]> {
  const logits: Float64Array[] = [];
  for (const [i, hidden] of (await normalisedStates(read, config, tokens)).entries())
    logits.push(product(hidden, await outputTable(read, config, i + 1), config.vocabularySize).data);
  return logits;
}

const outputTable = (read: ReadTensor, config: ModelConfig, head: number): Promise<ArrayLike<number>> => {
  const own = config.ownOutputEmbedding && head > 1 ? `dynamo.token_heads.${head}.` : "";
  return read(`${own === "" && config.tiedEmbeddings ? "gpt_neox.embed_in" : `${own}embed_out`}.weight`);
};

/** States of heads 1..N behind the final norm. */
async function normalisedStates(read: ReadTensor, config: ModelConfig, tokens: ArrayLike<number>): Promise<Rows[]> {
  let stem = embed(await read("gpt_neox.embed_in.weight"), config.hiddenSize, tokens);
  const last = config.layers - 1;
  for (let i = 0; i < last; i++) stem = await layer(read, config, `gpt_neox.layers.${i}`, stem);
  const outputs = [await layer(read, config, `gpt_neox.layers.${last}`, stem)];
  for (let head = 2; head <= config.tokenHeads; head++) {
    let x = { stem, last: outputs[0], previous: outputs[head - 2] }[config.headInput] as Rows;
    for (const name of headLayerNames(config, head)) x = await layer(read, config, name, x);
    outputs.push(x);
  }
  return Promise.all(outputs.map((output) => norm(read, config, "gpt_neox.final_layer_norm", output)));
}

/** Head n's logits behind the last of the tokens and those between, [V]: s + P·a(x_(n-1)) + O·(silu(u) ⊙ g), as the formula is written. */
export async function referenceBehind(
  read: ReadTensor,
  config: ModelConfig,
  tokens: ArrayLike<number>,
  between: readonly number[],
): Promise<Float64Array> {
  const { hiddenSize: width, conditional = { pairs: 0, between: 0 } } = config;
  const head = between.length + 1;
  const states = await normalisedStates(read, config, tokens);
  const last = (rows: Rows | undefined): Rows => ({ width, data: (rows as Rows).data.slice(-width) });
  const state = last(states[head - 1]);
  const prefix = `dynamo.conditional.${head}`;
  const times = async (name: string, x: Rows, outputs: number): Promise<Float64Array> =>
    product(x, await read(`${prefix}.${name}.weight`), outputs).data;
  const result = state.data.slice();
  const plus = (target: Float64Array, added: ArrayLike<number>): void =>
    target.forEach((value, i) => (target[i] = value + (added[i] as number)));
  if (conditional.pairs > 0) {
    const row = embed(await read(`${prefix}.pairs.embedding.weight`), conditional.pairs, between.slice(-1));
    plus(result, await times("pairs.output", row, width));
  }
  if (conditional.between > 0) {
    const units = conditional.between;
    const sums = Float64Array.from(await read(`${prefix}.between.state.bias`));
    plus(sums, await times("between.state", state, 2 * units));
    plus(sums, await times("between.first", last(states[0]), 2 * units));
    for (const [j, token] of between.entries()) {
      const row = embed(await read("gpt_neox.embed_in.weight"), width, [token]);
      const root = Math.sqrt(dot(row.data, row.data) / width + 1e-6);
      const normed = { width, data: row.data.map((value) => value / root) };
      plus(sums, await times(`between.token_${j + 1}`, normed, 2 * units));
    }
    const gated = Float64Array.from({ length: units }, (_, i) => {
      const u = sums[i] as number;
      return (u / (1 + Math.exp(-u))) * (sums[units + i] as number);
    });
    plus(result, await times("between.output", { width: units, data: gated }, width));
  }
  return product({ width, data: result }, await outputTable(read, config, head), config.vocabularySize).data;
}

const headLayerNames = ({ headLayers }: ModelConfig, head: number): string[] => {
  const own = `dynamo.token_heads.${head}`;
  return headLayers === 1 ? [own] : Array.from({ length: headLayers }, (_, i) => `${own}.layers.${i}`);
};

/** Outputs of the stem and of the last base layer, before the final norm: [T · hidden] each. */
export async function referenceStem(
  read: ReadTensor,
  config: ModelConfig,
  tokens: ArrayLike<number>,
): Promise<{ stem: Float64Array; first: Float64Array }> {
  let stem = embed(await read("gpt_neox.embed_in.weight"), config.hiddenSize, tokens);
  for (let i = 0; i < config.layers - 1; i++) stem = await layer(read, config, `gpt_neox.layers.${i}`, stem);
  const first = await layer(read, config, `gpt_neox.layers.${config.layers - 1}`, stem);
  return { stem: stem.data, first: first.data };
}

function embed(table: ArrayLike<number>, width: number, tokens: ArrayLike<number>): Rows {
  const data = new Float64Array(tokens.length * width);
  for (let t = 0; t < tokens.length; t++) {
    for (let i = 0; i < width; i++) data[t * width + i] = table[(tokens[t] as number) * width + i] as number;
  }
  return { width, data };
}

/** x + attention(norm1(x)) + mlp(norm2(x)) */
async function layer(read: ReadTensor, config: ModelConfig, name: string, x: Rows): Promise<Rows> {
  const attended = await attention(
    read,
    config,
    `${name}.attention`,
    await norm(read, config, `${name}.input_layernorm`, x),
  );
  const normalised = await norm(read, config, `${name}.post_attention_layernorm`, x);
  const inner = await affine(read, `${name}.mlp.dense_h_to_4h`, normalised, config.intermediateSize);
  const activated = { ...inner, data: inner.data.map(gelu) };
  const mlp = await affine(read, `${name}.mlp.dense_4h_to_h`, activated, config.hiddenSize);
  return { ...x, data: x.data.map((value, i) => value + (attended.data[i] as number) + (mlp.data[i] as number)) };
}

async function attention(read: ReadTensor, config: ModelConfig, name: string, x: Rows): Promise<Rows> {
  const { hiddenSize, attentionHeads, headSize } = config;
  const hasBias = config.raw["attention_bias"] !== false;
  const fused = await affine(read, `${name}.query_key_value`, x, 3 * hiddenSize, hasBias);
  const length = x.data.length / hiddenSize;
  // Each head's (query, key, value) stand side by side.
  const vector = (t: number, head: number, part: number): Float64Array =>
    fused.data.slice(t * 3 * hiddenSize + (head * 3 + part) * headSize).subarray(0, headSize);
  const output = { width: hiddenSize, data: new Float64Array(length * hiddenSize) };
  for (let head = 0; head < attentionHeads; head++) {
    const keys = Array.from({ length }, (_, t) => rotate(vector(t, head, 1), t, config));
    const values = Array.from({ length }, (_, t) => vector(t, head, 2));
    for (let t = 0; t < length; t++) {
      const query = rotate(vector(t, head, 0), t, config);
      const weights = softmax(keys.slice(0, t + 1).map((key) => dot(query, key) / Math.sqrt(headSize)));
      const place = output.data.subarray(t * hiddenSize + head * headSize, t * hiddenSize + (head + 1) * headSize);
      for (const [s, weight] of weights.entries()) {
        for (let i = 0; i < headSize; i++) place[i] = (place[i] as number) + weight * (values[s]?.[i] as number);
      }
    }
  }
  return affine(read, `${name}.dense`, output, hiddenSize, hasBias);
}

/** The first `rotary_pct` of the dimensions turn by position · base^(-2i/d), in the half-split form: i with i + d/2. */
function rotate(vector: Float64Array, position: number, { headSize, raw }: ModelConfig): Float64Array {
  const rotaryDimensions = Math.floor(headSize * Number(raw["rotary_pct"] ?? 0.25));
  const rotaryBase = Number(raw["rotary_emb_base"] ?? 10_000);
  const half = rotaryDimensions / 2;
  const rotated = vector.slice();
  for (let i = 0; i < half; i++) {
    const angle = position * rotaryBase ** ((-2 * i) / rotaryDimensions);
    const [a, b] = [vector[i] as number, vector[i + half] as number];
    rotated[i] = a * Math.cos(angle) - b * Math.sin(angle);
    rotated[i + half] = b * Math.cos(angle) + a * Math.sin(angle);
  }
  return rotated;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

function softmax(scores: readonly number[]): number[] {
  const largest = scores.reduce((a, b) => Math.max(a, b));
  const exponentials = scores.map((score) => Math.exp(score - largest));
  const sum = exponentials.reduce((a, b) => a + b);
  return exponentials.map((value) => value / sum);
}

async function norm(read: ReadTensor, config: ModelConfig, name: string, { width, data }: Rows): Promise<Rows> {
  const [gain, shift] = [await read(`${name}.weight`), await read(`${name}.bias`)];
  const output = new Float64Array(data.length);
  for (let start = 0; start < data.length; start += width) {
    const row = data.subarray(start, start + width);
    const mean = row.reduce((a, b) => a + b) / width;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    for (let i = 0; i < width; i++) {
      const normal = ((row[i] as number) - mean) / Math.sqrt(variance + Number(config.raw["layer_norm_eps"] ?? 1e-5));
      output[start + i] = normal * (gain[i] as number) + (shift[i] as number);
    }
  }
  return { width, data: output };
}

/** x · Wᵀ + b */
async function affine(read: ReadTensor, name: string, x: Rows, outputs: number, hasBias = true): Promise<Rows> {
  const { data } = product(x, await read(`${name}.weight`), outputs);
  const bias = hasBias ? await read(`${name}.bias`) : new Float64Array(outputs);
  return { width: outputs, data: data.map((value, i) => value + (bias[i % outputs] as number)) };
}

/** x · Wᵀ, with W [outputs, width]. */
function product({ width, data }: Rows, weight: ArrayLike<number>, outputs: number): Rows {
  const rows = data.length / width;
  const output = new Float64Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < outputs; column++) {
      let sum = 0;
      for (let i = 0; i < width; i++) sum += (data[row * width + i] as number) * (weight[column * width + i] as number);
      output[row * outputs + column] = sum;
    }
  }
  return { width: outputs, data: output };
}

/** Exact: x · Φ(x). */
const gelu = (x: number): number => (x / 2) * (1 + erf(x / Math.SQRT2));

/** By its Taylor series 2/√π Σ (-1)ⁿ x²ⁿ⁺¹ / (n! (2n + 1)) up to 3, to about 1e-12. */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (size > 3) return Math.sign(x) * (1 - erfcTail(size));
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** 1 - erf(x) for x > 3, by Laplace's continued fraction from the inside out. */
function erfcTail(x: number): number {
  let fraction = x;
  for (let n = 60; n >= 1; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
}
