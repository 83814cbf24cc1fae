/** Gemma 3, text: norms by 1 + w in front of and behind both branches, windows in most layers, two rotations. */
import type { Architecture, Norm, Rotary } from "./architecture.js";
import type { Family } from "./family.js";
import type { JsonReader } from "./json-reader.js";
import { llamaArchitecture, readLlamaParts } from "./llama-like.js";
import { isRopeByLayer, plainRope, readRope } from "./rope.js";
import { postNormLayer } from "./shared-layers.js";
import { caps } from "./sizes.js";
import { layerTypes } from "./windows.js";

const logitCap = "final_logit_softcapping";

function read(json: JsonReader): Architecture {
  const parts = readLlamaParts(json, { headSize: 256, activation: "gelu_pytorch_tanh" });
  const { sizes, activation, query, key, value, output, gate, up, down } = parts;
  const { headSize, hiddenSize, layerCount } = sizes;
  json.refuse("attention_bias", "biases of attention", (value) => value === false);
  json.refuse("use_bidirectional_attention", "attention to later tokens", (value) => value === false);
  const norm = (tensor: string, size?: number): Norm => ({ ...parts.norm(tensor, size), offset: 1 });
  const before = norm("input_layernorm");
  const projections = {
    query: { ...query, norm: before, scale: 1 },
    key: { ...key, norm: before },
    value: { ...value, norm: before },
  };
  const headNorms = {
    query: { ...norm("self_attn.q_norm", headSize), scale: json.positive("query_pre_attn_scalar", 256) ** -0.5 },
    key: norm("self_attn.k_norm", headSize),
  };
  const between = norm("pre_feedforward_layernorm");
  const own = {
    ...{ projections, headNorms, output, activation, down },
    behindAttention: norm("post_attention_layernorm"),
    gate: { ...gate, norm: between },
    up: { ...up, norm: between },
    behindFeedForward: norm("post_feedforward_layernorm"),
  };
  const rotaries = rotations(json, headSize);
  const window = json.whole("sliding_window", 1, caps.context, 4096);

  const full = postNormLayer({ ...own, attention: parts.attention }, rotaries.full);
  const sliding = postNormLayer({ ...own, attention: { ...parts.attention, window } }, rotaries.sliding);
  const layers = typesOf(json, layerCount).map((type) => (type === "full_attention" ? full : sliding));
  const base = llamaArchitecture(json, { norm, sizes }, layers, { tied: true });
  return {
    ...base,
    embed: (op) => op.scale(op.tokens(base.embedding), Math.sqrt(hiddenSize)),
    ...(json.has(logitCap) ? { logitCap: json.positive(logitCap) } : {}),
  };
}

/** Every sixth layer sees everything, or as `layer_types` or the pattern's length say. */
function typesOf(json: JsonReader, layers: number): string[] {
  const keys = ["sliding_window_pattern", "_sliding_window_pattern"];
  const [key = "sliding_window_pattern"] = keys.filter((name) => json.has(name));
  const pattern = json.whole(key, 1, caps.layers, 6);
  return layerTypes(json, layers, (i) => ((i + 1) % pattern === 0 ? "full_attention" : "sliding_attention"));
}

/** The newer spelling has settings for each type of layer, the older one those of full layers, and a base for the others. */
function rotations(json: JsonReader, headSize: number): Record<"full" | "sliding", Rotary> {
  const local = json.positive("rope_local_base_freq", 10_000);
  const theta = json.positive("rope_theta", 1_000_000);
  const full = readRope(json, { headSize, theta, layerType: "full_attention" });
  if (!isRopeByLayer(json)) return { full, sliding: plainRope("rotary.sliding_attention", headSize, local) };
  return { full, sliding: readRope(json, { headSize, theta: local, layerType: "sliding_attention" }) };
}

export const gemma3: Family = {
  name: "Gemma 3",
  modelType: "gemma3_text",
  className: "Gemma3ForCausalLM",
  examples: ["google/gemma-3-270m-it", "google/gemma-3-1b-it"],
  read,
  // transformers reads it, and caps no scores of attention by it.
  keys: { attn_logit_softcapping: "neutral" },
};
