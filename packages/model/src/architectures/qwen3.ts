/** Qwen 3: Llama's layer with norms of each head's queries and keys. */
import type { Architecture, Layer } from "./architecture.js";
import type { Family } from "./family.js";
import type { JsonReader } from "./json-reader.js";
import { llamaArchitecture, llamaLayer, readLlamaParts } from "./llama-like.js";
import { readRope } from "./rope.js";
import { qwenWindows } from "./windows.js";

function read(json: JsonReader): Architecture {
  const parts = readLlamaParts(json, { headSize: 128 });
  const { query, key, value, output, sizes, norm } = parts;
  const { headSize, layerCount } = sizes;
  const bias = json.flag("attention_bias", false);
  const headNorms = {
    // The norm behind the product undoes any factor in front of it.
    query: { ...norm("self_attn.q_norm", headSize), scale: 1 / Math.sqrt(headSize) },
    key: norm("self_attn.k_norm", headSize),
  };
  const own = {
    ...parts,
    query: { ...query, bias, scale: 1 },
    key: { ...key, bias },
    value: { ...value, bias },
    output: { ...output, bias },
    headNorms,
  };
  const rotary = readRope(json, { headSize });
  const layers = qwenWindows(json, layerCount).map((window): Layer =>
    llamaLayer({ ...own, attention: { ...parts.attention, ...window } }, rotary),
  );
  return llamaArchitecture(json, parts, layers);
}

export const qwen3: Family = {
  name: "Qwen 3",
  modelType: "qwen3",
  className: "Qwen3ForCausalLM",
  examples: ["Qwen/Qwen3-0.6B"],
  read,
  keys: {},
};
