/** Qwen 2 and 2.5: Llama's layer with biases on queries, keys and values. */
import type { Architecture } from "./architecture.js";
import type { Family } from "./family.js";
import type { JsonReader } from "./json-reader.js";
import { llamaArchitecture, llamaLayer, readLlamaParts } from "./llama-like.js";
import { readRope } from "./rope.js";
import { qwenWindows } from "./windows.js";

function read(json: JsonReader): Architecture {
  const parts = readLlamaParts(json);
  const { query, key, value } = parts;
  const bias = true;
  const biased = { ...parts, query: { ...query, bias }, key: { ...key, bias }, value: { ...value, bias } };
  const rotary = readRope(json, { headSize: parts.sizes.headSize });
  const layers = qwenWindows(json, parts.sizes.layerCount).map((window) =>
    llamaLayer({ ...biased, attention: { ...parts.attention, ...window } }, rotary),
  );
  return llamaArchitecture(json, parts, layers);
}

export const qwen2: Family = {
  name: "Qwen 2",
  modelType: "qwen2",
  className: "Qwen2ForCausalLM",
  examples: ["Qwen/Qwen2.5-0.5B-Instruct"],
  read,
  keys: {},
};
