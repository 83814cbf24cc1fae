/** Mistral: Llama's layer, attending to a window. */
import type { Architecture, Layer } from "./architecture.js";
import type { Family } from "./family.js";
import type { JsonReader } from "./json-reader.js";
import { llamaArchitecture, llamaLayer, readLlamaParts } from "./llama-like.js";
import { readRope } from "./rope.js";
import { windowOfAll } from "./windows.js";

function read(json: JsonReader): Architecture {
  const parts = readLlamaParts(json);
  const attention = { ...parts.attention, ...windowOfAll(json) };
  const layer = llamaLayer({ ...parts, attention }, readRope(json, { headSize: parts.sizes.headSize }));
  return llamaArchitecture(json, parts, new Array<Layer>(parts.sizes.layerCount).fill(layer));
}

export const mistral: Family = {
  name: "Mistral",
  modelType: "mistral",
  className: "MistralForCausalLM",
  examples: ["mistralai/Mistral-7B-Instruct-v0.3"],
  read,
  keys: {},
};
