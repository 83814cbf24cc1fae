/** SmolLM 3: Llama's layer, without rotation in every fourth. */
import type { Architecture } from "./architecture.js";
import type { Family } from "./family.js";
import { show, type JsonReader } from "./json-reader.js";
import { llamaArchitecture, llamaLayer, readLlamaParts } from "./llama-like.js";
import { readRope } from "./rope.js";
import { layerTypes, windowOfAll } from "./windows.js";

function read(json: JsonReader): Architecture {
  const parts = readLlamaParts(json);
  const { headSize, layerCount } = parts.sizes;
  json.refuse("attention_bias", "biases of attention", (value) => value === false);
  json.refuse("mlp_bias", "biases of feed-forward layers", (value) => value === false);
  const isWindowed = json.flag("use_sliding_window", false);
  const rotary = readRope(json, { headSize, theta: json.positive("rope_theta", 2_000_000) });
  const types = layerTypes(json, layerCount, () => "full_attention");
  const layers = rotated(json, layerCount).map((isRotated, i) => {
    const window = isWindowed && types[i] === "sliding_attention" ? windowOfAll(json) : {};
    return llamaLayer({ ...parts, attention: { ...parts.attention, ...window } }, isRotated ? rotary : undefined);
  });
  if (!isWindowed) json.any("sliding_window");
  return llamaArchitecture(json, parts, layers, { tied: true });
}

/** `no_rope_layers` has 1 for layers with rotation, 0 for those without. */
function rotated(json: JsonReader, layers: number): boolean[] {
  const interval = json.whole("no_rope_layer_interval", 1, 2 ** 16, 4);
  const given =
    json.any("no_rope_layers") ?? Array.from({ length: layers }, (_, i) => ((i + 1) % interval === 0 ? 0 : 1));
  const isFlag = (value: unknown): boolean => value === 0 || value === 1;
  if (!Array.isArray(given) || given.length !== layers || !given.every(isFlag))
    return json.fail(`no_rope_layers must be ${layers} times 0 or 1, received ${show(given)}`);
  return given.map((value) => value === 1);
}

export const smollm3: Family = {
  name: "SmolLM 3",
  modelType: "smollm3",
  className: "SmolLM3ForCausalLM",
  examples: ["HuggingFaceTB/SmolLM3-3B"],
  read,
  keys: { pretraining_tp: "neutral" },
};
