/** LFM 2: short convolutions in most layers, attention in the others; Llama's feed-forward. */
import {
  noAttention,
  type Architecture,
  type Convolution,
  type Layer,
  type Norm,
  type Product,
} from "./architecture.js";
import type { Family } from "./family.js";
import { show, type JsonReader } from "./json-reader.js";
import { gatedFeedForward, llamaArchitecture, llamaLayer, type LlamaParts, type LlamaSizes } from "./llama-like.js";
import { unless, type KeyRule } from "../checkpoint/config-keys.js";
import { readRope } from "./rope.js";
import { caps, dividedHeads, readKeyValueHeads, readSizes } from "./sizes.js";
import { layerTypes } from "./windows.js";

const product = (tensor: string, inputs: number, outputs: number, norm?: Norm): Product => ({
  ...{ tensor, inputs, outputs },
  ...(norm === undefined ? {} : { norm }),
});

function read(json: JsonReader): Architecture {
  const given = readSizes(json);
  const headSize = json.whole("head_dim", 1, caps.hidden, json.has("head_dim") ? undefined : dividedHeads(json, given));
  const sizes = { ...given, headSize, intermediateSize: feedForwardSize(json) };
  const parts = partsOf(sizes, readKeyValueHeads(json, sizes.heads, 8), json.positive("norm_eps", 1e-5));
  const rotary = readRope(json, { headSize, theta: json.positive("rope_theta", 1e6) });
  const layers = { full_attention: llamaLayer(parts, rotary), conv: convolutionLayer(json, parts, sizes) };
  const base = llamaArchitecture(
    json,
    { ...parts, sizes },
    typesOf(json, sizes.layerCount).map((type) => layers[type]),
    { tied: true },
  );
  return {
    ...base,
    tiedEmbeddings: json.flag("tie_embedding", base.tiedEmbeddings),
    finalNorm: parts.norm("model.embedding_norm"),
  };
}

function partsOf(
  { hiddenSize, heads, headSize, intermediateSize }: LlamaSizes,
  keyValueHeads: number,
  epsilon: number,
): LlamaParts {
  const norm = (tensor: string, size = hiddenSize): Norm => ({ tensor, size, kind: "rms", epsilon });
  const [width, keyValueWidth] = [heads * headSize, keyValueHeads * headSize];
  const [before, between] = [norm("operator_norm"), norm("ffn_norm")];
  return {
    attention: { heads, keyValueHeads, headSize },
    activation: "silu",
    norm,
    query: product("self_attn.q_proj", hiddenSize, width, before),
    key: product("self_attn.k_proj", hiddenSize, keyValueWidth, before),
    value: product("self_attn.v_proj", hiddenSize, keyValueWidth, before),
    headNorms: {
      query: { ...norm("self_attn.q_layernorm", headSize), scale: 1 / Math.sqrt(headSize) },
      key: norm("self_attn.k_layernorm", headSize),
    },
    output: product("self_attn.out_proj", width, hiddenSize),
    gate: product("feed_forward.w1", hiddenSize, intermediateSize, between),
    up: product("feed_forward.w3", hiddenSize, intermediateSize, between),
    down: product("feed_forward.w2", intermediateSize, hiddenSize),
  };
}

/** [b, c, v] = in(norm(x)), x += out(c · convolution(b · v)), and the feed-forward. */
function convolutionLayer(json: JsonReader, parts: LlamaParts, { hiddenSize }: LlamaSizes): Layer {
  const bias = json.flag("conv_bias", false);
  const taps = json.whole("conv_L_cache", 2, 64, 3);
  const convolution: Convolution = { tensor: "conv.conv", channels: hiddenSize, taps, bias };
  const inputs = [0, 1, 2].map((index): Product => ({
    ...product("conv.in_proj", hiddenSize, hiddenSize, parts.norm("operator_norm")),
    bias,
    part: { groups: 1, sizes: [hiddenSize, hiddenSize, hiddenSize], index },
  }));
  const output = { ...product("conv.out_proj", hiddenSize, hiddenSize), bias };
  return {
    attention: noAttention,
    convolution,
    forward(op, x) {
      const [b, c, v] = op.products(x, inputs) as [typeof x, typeof x, typeof x];
      const convolved = op.multiply(c, op.convolve(op.multiply(b, v), convolution));
      return gatedFeedForward(op, op.addProducts(x, [[convolved, output]]), parts);
    },
  };
}

/** The width that is used: with `block_auto_adjust_ff_dim` two thirds of the one that is named, times a factor, rounded up. */
function feedForwardSize(json: JsonReader): number {
  const usual = json.whole("intermediate_size", 1, caps.intermediate, 12_288);
  const named = json.whole("block_ff_dim", 1, caps.intermediate, usual);
  const multiple = json.whole("block_multiple_of", 1, caps.intermediate, 256);
  const factor = json.positive("block_ffn_dim_multiplier", 1);
  if (!json.flag("block_auto_adjust_ff_dim", true)) return named;
  const adjusted = Math.floor((2 * named) / 3);
  const width = multiple * Math.ceil(Math.floor(factor * adjusted) / multiple);
  if (width < 1 || width > caps.intermediate)
    json.fail(
      `intermediate_size ${named} and block_ffn_dim_multiplier ${factor} give a width of ${width}, expected 1 to ${caps.intermediate}`,
    );
  return width;
}

type LayerType = "full_attention" | "conv";

/** `layer_types`, or `full_attn_idxs`, the layers that attend; without either all do. */
function typesOf(json: JsonReader, layers: number): LayerType[] {
  const attending = json.any("full_attn_idxs") ?? Array.from({ length: layers }, (_, layer) => layer);
  const isLayer = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0 && Number(value) < layers;
  if (!Array.isArray(attending) || !attending.every(isLayer))
    return json.fail(`full_attn_idxs must list layers from 0 to ${layers - 1}, received ${show(attending)}`);
  const typeOf = (layer: number): LayerType => (attending.includes(layer) ? "full_attention" : "conv");
  const types = layerTypes(json, layers, typeOf, ["full_attention", "conv"]) as LayerType[];
  if (!types.includes("full_attention"))
    json.unsupported(`expected a layer of "full_attention" at least, received ${layers} of "conv"`);
  return types;
}

/** Written by LiquidAI's own code, and read by nothing: what is computed goes by other keys. */
const as = (key: string): KeyRule => ({
  neutral: (value, json) => value === json[key],
  lost: `${key} says it`,
});

export const lfm2: Family = {
  name: "LFM 2",
  modelType: "lfm2",
  className: "Lfm2ForCausalLM",
  examples: ["LiquidAI/LFM2-350M", "LiquidAI/LFM2-1.2B", "LiquidAI/LFM2.5-1.2B-Instruct"],
  read,
  keys: {
    block_dim: as("hidden_size"),
    conv_dim: as("hidden_size"),
    conv_dim_out: as("hidden_size"),
    num_heads: as("num_attention_heads"),
    block_norm_eps: as("norm_eps"),
    block_use_swiglu: unless(true, "the feed-forward is gated"),
    use_pos_enc: unless(true, "queries and keys are rotated"),
    block_mlp_init_scale: "neutral",
    block_out_init_scale: "neutral",
    block_use_xavier_init: "neutral",
    conv_use_xavier_init: "neutral",
  },
};
