/** Phi 3 and Phi 4 mini: Llama's layer with queries, keys and values in one tensor, gate and up in another. */
import type { Architecture, Layer, Product } from "./architecture.js";
import type { Family } from "./family.js";
import type { JsonReader } from "./json-reader.js";
import { llamaArchitecture, llamaLayer, readLlamaParts } from "./llama-like.js";
import { readRope } from "./rope.js";
import { windowOfAll } from "./windows.js";

function read(json: JsonReader): Architecture {
  const parts = readLlamaParts(json, { epsilon: 1e-5 });
  const { query, key, value, gate, up } = parts;
  const partsOf = (tensor: string, products: readonly Product[]): Product[] => {
    const sizes = products.map(({ outputs }) => outputs);
    return products.map((product, index) => ({ ...product, tensor, part: { groups: 1, sizes, index } }));
  };
  const [q, k, v] = partsOf("self_attn.qkv_proj", [query, key, value]) as [Product, Product, Product];
  const [g, u] = partsOf("mlp.gate_up_proj", [gate, up]) as [Product, Product];
  const attention = { ...parts.attention, ...windowOfAll(json) };
  const own = { ...parts, attention, query: q, key: k, value: v, gate: g, up: u };
  const layer = llamaLayer(own, readRope(json, { headSize: parts.sizes.headSize, originalLength: 4096 }));
  return llamaArchitecture(json, parts, new Array<Layer>(parts.sizes.layerCount).fill(layer));
}

export const phi3: Family = {
  name: "Phi 3",
  modelType: "phi3",
  className: "Phi3ForCausalLM",
  examples: ["microsoft/Phi-3-mini-4k-instruct", "microsoft/Phi-4-mini-instruct"],
  read,
  keys: { embd_pdrop: "neutral", resid_pdrop: "neutral", original_max_position_embeddings: "neutral" },
};
