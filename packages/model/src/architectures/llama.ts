/** Llama 2, 3, 3.1 and 3.2, TinyLlama, SmolLM 1 and 2. */
import type { Architecture, Layer } from "./architecture.js";
import type { Family } from "./family.js";
import type { JsonReader } from "./json-reader.js";
import { llamaArchitecture, llamaLayer, readLlamaParts } from "./llama-like.js";
import { readRope } from "./rope.js";

function read(json: JsonReader): Architecture {
  const parts = readLlamaParts(json);
  const attention = { bias: json.flag("attention_bias", false) };
  const mlp = { bias: json.flag("mlp_bias", false) };
  const { query, key, value, output, gate, up, down } = parts;
  const biased = {
    ...parts,
    query: { ...query, ...attention },
    key: { ...key, ...attention },
    value: { ...value, ...attention },
    output: { ...output, ...attention },
    gate: { ...gate, ...mlp },
    up: { ...up, ...mlp },
    down: { ...down, ...mlp },
  };
  const layer = llamaLayer(biased, readRope(json, { headSize: parts.sizes.headSize }));
  return llamaArchitecture(json, parts, new Array<Layer>(parts.sizes.layerCount).fill(layer));
}

export const llama: Family = {
  name: "Llama",
  modelType: "llama",
  className: "LlamaForCausalLM",
  examples: [
    "HuggingFaceTB/SmolLM2-135M-Instruct",
    "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
    "meta-llama/Llama-3.2-1B-Instruct",
  ],
  read,
  // How many slices training computed products in: their sum is the same.
  keys: { pretraining_tp: "neutral" },
};
