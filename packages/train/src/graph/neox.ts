/** The DynaMo GPT-NeoX as a differentiable graph: whole sequences, no cache, every weight a parameter of its own name. */
import { headLayerPrefix, type NeoxConfig } from "@dynamo/model";
import type { Value } from "@dynamo/onnx";
import { bytesOf } from "../autodiff/bytes.js";
import {
  causalAttention,
  feedForward,
  layerNorm,
  linear,
  normalise,
  rotate,
  type CausalBlock,
  type RotaryAngles,
} from "../autodiff/composites.js";
import {
  add,
  gatherRows,
  matrixProduct,
  multiply,
  reshape,
  scaleGradient,
  split,
  transpose,
} from "../autodiff/operators.js";
import type { Tape, Variable } from "../autodiff/tape.js";

/** A parameter by its name in the checkpoint. */
export type Parameters = (name: string) => Variable;

export interface Shape {
  readonly batch: number;
  readonly sequence: number;
}

export interface HeadInputs extends Shape {
  readonly config: NeoxConfig;
  readonly parameters: Parameters;
  /** What heads 2 and up send into the base is scaled by this: LR_MB / LR_B. */
  readonly stemGradientScale: number;
}

export interface ModelInputs extends HeadInputs {
  /** int64 [B·S] */
  readonly tokens: Value;
}

/** Queries in this many blocks: each block leaves out the keys behind it. */
const attentionBlocks = 4;

interface Context extends Shape {
  readonly config: NeoxConfig;
  readonly angles: RotaryAngles;
  readonly blocks: readonly CausalBlock[];
}

/** Normalised outputs of heads 1..N, each [B·S, hidden], ready for the output embedding. */
export function headOutputs(tape: Tape, inputs: ModelInputs): Variable[] {
  const { config, parameters, batch, sequence } = inputs;
  const context = contextOf(tape, inputs);
  let x = gatherRows(tape.scope("embed_in"), parameters("gpt_neox.embed_in.weight"), inputs.tokens, batch * sequence);
  const last = config.layers - 1;
  for (let i = 0; i < last; i++)
    x = decoderLayer(tape.scope(`stem/layers.${i}`), context, within(parameters, `gpt_neox.layers.${i}`), x);
  const first = decoderLayer(tape.scope("head_1"), context, within(parameters, `gpt_neox.layers.${last}`), x);
  return [
    finalNorm(tape, inputs, 1, first),
    ...extraHeads(tape, context, inputs, config.headInput === "stem" ? x : first),
  ];
}

/**
 * Normalised outputs of heads 2..N on what another graph computes, [B·S, hidden]: the stem's output, or the last base
 * layer's where heads are built on that.
 */
export function extraHeadOutputs(tape: Tape, inputs: HeadInputs, base: Variable): Variable[] {
  return extraHeads(tape, contextOf(tape, inputs), inputs, base);
}

/** The final norm on one head's layer output, [B·S, hidden]. */
export function finalNorm(tape: Tape, { config, parameters }: HeadInputs, head: number, output: Variable): Variable {
  return layerNorm(
    tape.scope(`head_${head}/final_layer_norm`),
    output,
    parameters("gpt_neox.final_layer_norm.weight"),
    parameters("gpt_neox.final_layer_norm.bias"),
    config.layerNormEpsilon,
  );
}

function contextOf(tape: Tape, { config, batch, sequence }: HeadInputs): Context {
  return {
    config,
    batch,
    sequence,
    angles: rotaryAngles(tape, config, sequence),
    blocks: causalBlocks(sequence),
  };
}

function extraHeads(tape: Tape, context: Context, inputs: HeadInputs, base: Variable): Variable[] {
  const { config, parameters, stemGradientScale } = inputs;
  const outputs: Variable[] = [];
  for (let head = 2; head <= config.tokenHeads; head++) {
    const scope = tape.scope(`head_${head}`);
    const before = config.headInput === "previous" ? outputs.at(-1) : undefined;
    // Only what crosses into the base is scaled, not what head 3 sends into head 2.
    let output = before ?? scaleGradient(scope, base, stemGradientScale);
    for (let layer = 0; layer < config.headLayers; layer++) {
      const inside = config.headLayers === 1 ? scope : scope.scope(`layers.${layer}`);
      output = decoderLayer(inside, context, within(parameters, headLayerPrefix(config, head, layer)), output);
    }
    outputs.push(output);
  }
  return outputs.map((output, i) => finalNorm(tape, inputs, i + 2, output));
}

const within =
  (parameters: Parameters, prefix: string): Parameters =>
  (name) =>
    parameters(`${prefix}.${name}`);

/** x + attention(norm1(x)) + mlp(norm2(x)); both norms share their statistics. */
function decoderLayer(tape: Tape, context: Context, p: Parameters, x: Variable): Variable {
  const n = normalise(tape, x, context.config.layerNormEpsilon);
  const projection = normFolded(tape.scope("qkv"), p, "input_layernorm", "attention.query_key_value");
  const { weight, bias } = queriesScaled(tape.scope("qkv"), context.config, projection);
  const attended = attention(tape.scope("attention"), context, linear(tape.scope("qkv"), n, weight, bias));
  const inner = normFolded(tape.scope("mlp"), p, "post_attention_layernorm", "mlp.dense_h_to_4h");
  // The residual and the first product go into the next one as its third operand; one addition is left for both biases.
  const dense = linear(tape.scope("dense"), attended, p("attention.dense.weight"), x);
  const mlp = feedForward(tape.scope("mlp"), {
    x: n,
    innerWeight: inner.weight,
    innerBias: inner.bias,
    outerWeight: p("mlp.dense_4h_to_h.weight"),
    residual: dense,
  });
  return add(tape, mlp, add(tape, p("attention.dense.bias"), p("mlp.dense_4h_to_h.bias")));
}

interface Projection {
  readonly weight: Variable;
  readonly bias: Variable;
}

/**
 * W·(g ⊙ n + s) + b = (W·diag(g))·n + (W·s + b): gain and shift are folded into the weights inside the graph, because those
 * are smaller than the activations.
 */
function normFolded(tape: Tape, p: Parameters, norm: string, product: string): Projection {
  const [weight, bias] = [p(`${product}.weight`), p(`${product}.bias`)];
  const [rows, columns] = weight.dims as [number, number];
  const folded = multiply(tape, weight, p(`${norm}.weight`));
  const shift = matrixProduct(tape, weight, reshape(tape, p(`${norm}.bias`), [columns, 1]));
  return { weight: folded, bias: add(tape, reshape(tape, shift, [rows]), bias) };
}

/** Attention's 1/√D, folded into the rows that make queries: the layout is [head, (q, k, v), D]. Rotation keeps factors. */
function queriesScaled(tape: Tape, { attentionHeads, headSize }: NeoxConfig, { weight, bias }: Projection): Projection {
  const rows = 3 * attentionHeads * headSize;
  const factors = (): Float32Array =>
    Float32Array.from({ length: rows }, (_, i) => (i % (3 * headSize) < headSize ? 1 / Math.sqrt(headSize) : 1));
  const value = tape.graph.initializer("query_scale", "float32", [rows], () => bytesOf(factors()), { shared: true });
  const scale: Variable = { value, dims: [rows], tracked: false };
  return { weight: multiply(tape, weight, reshape(tape, scale, [rows, 1])), bias: multiply(tape, bias, scale) };
}

/** From the fused projection [B·S, heads · (q, k, v) · headSize] to [B·S, hidden]. */
function attention(tape: Tape, { config, batch, sequence, angles, blocks }: Context, qkv: Variable): Variable {
  const { attentionHeads, headSize, hiddenSize } = config;
  const apart = reshape(tape, qkv, [batch, sequence, attentionHeads, 3, headSize]);
  const [qk, v] = split(tape, transpose(tape, apart, [3, 0, 2, 1, 4]), 0, [2, 1]) as [Variable, Variable];
  const heads = [batch, attentionHeads, sequence, headSize];
  const rotated = rotate(tape, reshape(tape, qk, heads.with(0, 2 * batch)), angles);
  const [query, key] = split(tape, rotated, 0, [batch, batch]) as [Variable, Variable];
  const attended = causalAttention(tape, query, key, reshape(tape, v, heads), blocks);
  return reshape(tape, transpose(tape, attended, [0, 2, 1, 3]), [batch * sequence, hiddenSize]);
}

function causalBlocks(sequence: number): CausalBlock[] {
  const size = Math.ceil(sequence / attentionBlocks);
  const count = Math.ceil(sequence / size);
  return Array.from({ length: count }, (_, i) => ({ from: i * size, to: Math.min(sequence, (i + 1) * size) }));
}

/** Angle of dimension pair i at a position: position / base^(2i / rotated dimensions). */
function rotaryAngles(tape: Tape, { rotaryDimensions, rotaryBase }: NeoxConfig, sequence: number): RotaryAngles {
  const half = rotaryDimensions / 2;
  const table = (f: (angle: number) => number): Float32Array =>
    Float32Array.from({ length: sequence * half }, (_, i) =>
      f(Math.floor(i / half) * rotaryBase ** ((-2 * (i % half)) / rotaryDimensions)),
    );
  const constant = (name: string, f: (angle: number) => number): Value =>
    tape.graph.initializer(`rotary.${name}`, "float32", [sequence, half], () => bytesOf(table(f)));
  return {
    cosines: constant("cosines", Math.cos),
    sines: constant("sines", Math.sin),
    start: tape.graph.ints([0]),
    dimensions: rotaryDimensions,
  };
}
