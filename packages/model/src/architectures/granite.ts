/** Granite 3: Llama's layer with multipliers of the embedding, attention, both branches and the logits. */
import type { Architecture, Layer } from "./architecture.js";
import type { Family } from "./family.js";
import type { JsonReader } from "./json-reader.js";
import { llamaArchitecture, llamaLayer, readLlamaParts } from "./llama-like.js";
import { readRope } from "./rope.js";

function read(json: JsonReader): Architecture {
  const parts = readLlamaParts(json);
  const { query, key, value, output, gate, up, down } = parts;
  const bias = json.flag("attention_bias", false);
  const mlp = { bias: json.flag("mlp_bias", false) };
  const residual = json.positive("residual_multiplier", 1);
  const own = {
    ...parts,
    query: { ...query, bias, scale: json.positive("attention_multiplier", 1) },
    key: { ...key, bias },
    value: { ...value, bias },
    output: { ...output, bias, scale: residual },
    gate: { ...gate, ...mlp },
    up: { ...up, ...mlp },
    down: { ...down, ...mlp, scale: residual },
  };
  const layer = llamaLayer(own, readRope(json, { headSize: parts.sizes.headSize }));
  const base = llamaArchitecture(json, parts, new Array<Layer>(parts.sizes.layerCount).fill(layer));
  const multiplier = json.positive("embedding_multiplier", 1);
  return {
    ...base,
    embed: (op) => op.scale(op.tokens(base.embedding), multiplier),
    // The logits are a product of the normed states alone: their divisor is the norm's.
    finalNorm: { ...base.finalNorm, scale: 1 / json.positive("logits_scaling", 1) },
  };
}

export const granite: Family = {
  name: "Granite",
  modelType: "granite",
  className: "GraniteForCausalLM",
  examples: ["ibm-granite/granite-3.3-2b-instruct"],
  read,
  keys: {},
};
