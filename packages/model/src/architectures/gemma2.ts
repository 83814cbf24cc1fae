/** Gemma 2: norms by 1 + w in front of and behind both branches, a window in every other layer, capped scores and logits. */
import type { Architecture, Norm } from "./architecture.js";
import type { Family } from "./family.js";
import type { JsonReader } from "./json-reader.js";
import { llamaArchitecture, readLlamaParts } from "./llama-like.js";
import { readRope } from "./rope.js";
import { postNormLayer } from "./shared-layers.js";
import { caps } from "./sizes.js";
import { layerTypes } from "./windows.js";

function read(json: JsonReader): Architecture {
  const parts = readLlamaParts(json, { headSize: 256, activation: "gelu_pytorch_tanh" });
  const { sizes, activation, query, key, value, output, gate, up, down } = parts;
  json.refuse("attention_bias", "biases of attention", (given) => given === false);
  json.refuse("use_bidirectional_attention", "attention to later tokens", (given) => given === false);
  const norm = (tensor: string, size?: number): Norm => ({ ...parts.norm(tensor, size), offset: 1 });
  const before = norm("input_layernorm");
  const between = norm("pre_feedforward_layernorm");
  const own = {
    projections: {
      query: { ...query, norm: before, scale: json.positive("query_pre_attn_scalar", 256) ** -0.5 },
      key: { ...key, norm: before },
      value: { ...value, norm: before },
    },
    ...{ output, activation, down },
    behindAttention: norm("post_attention_layernorm"),
    gate: { ...gate, norm: between },
    up: { ...up, norm: between },
    behindFeedForward: norm("post_feedforward_layernorm"),
  };
  const attention = { ...parts.attention, ...capOf(json, "attn_logit_softcapping", 50, "softCap") };
  const window = json.whole("sliding_window", 1, caps.context, 4096);
  const rotary = readRope(json, { headSize: sizes.headSize });
  const full = postNormLayer({ ...own, attention }, rotary);
  const sliding = postNormLayer({ ...own, attention: { ...attention, window } }, rotary);
  const types = layerTypes(json, sizes.layerCount, (i) => (i % 2 === 0 ? "sliding_attention" : "full_attention"));
  const layers = types.map((type) => (type === "full_attention" ? full : sliding));
  const base = llamaArchitecture(json, { norm, sizes }, layers, { tied: true });
  return {
    ...base,
    embed: (op) => op.scale(op.tokens(base.embedding), Math.sqrt(sizes.hiddenSize)),
    ...capOf(json, "final_logit_softcapping", 30, "logitCap"),
  };
}

/** A cap that a missing key leaves at its default, and null takes away. */
function capOf<Name extends string>(
  json: JsonReader,
  key: string,
  usual: number,
  name: Name,
): Partial<Record<Name, number>> {
  if (json.json[key] === null) return {};
  return { [name]: json.positive(key, usual) } as Record<Name, number>;
}

export const gemma2: Family = {
  name: "Gemma 2",
  modelType: "gemma2",
  className: "Gemma2ForCausalLM",
  examples: ["google/gemma-2-2b-it"],
  read,
  // `hidden_activation` stands before hidden_act; how a cache is kept is ours to choose.
  keys: { hidden_act: "neutral", cache_implementation: "neutral" },
};
