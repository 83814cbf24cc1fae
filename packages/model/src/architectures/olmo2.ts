/** OLMo 2: norms behind both branches instead of in front, and over all queries and all keys. */
import type { Architecture, Layer } from "./architecture.js";
import type { Family } from "./family.js";
import type { JsonReader } from "./json-reader.js";
import { llamaArchitecture, readLlamaParts } from "./llama-like.js";
import { readRope } from "./rope.js";
import { postNormLayer } from "./shared-layers.js";

function read(json: JsonReader): Architecture {
  const parts = readLlamaParts(json, { epsilon: 1e-5 });
  const { attention: shape, sizes, norm, activation } = parts;
  const { heads, keyValueHeads, headSize } = shape;
  const bias = json.flag("attention_bias", false);
  const unnormed = ({ tensor, inputs, outputs }: typeof parts.query): typeof parts.query => ({
    tensor,
    inputs,
    outputs,
  });
  const projections = {
    query: { ...unnormed(parts.query), bias },
    key: { ...unnormed(parts.key), bias },
    value: { ...unnormed(parts.value), bias },
  };
  const output = { ...parts.output, bias };
  const headNorms = {
    query: { ...norm("self_attn.q_norm", heads * headSize), scale: 1 / Math.sqrt(headSize) },
    key: norm("self_attn.k_norm", keyValueHeads * headSize),
  };
  const layer = postNormLayer(
    {
      ...{ attention: shape, projections, headNorms, output, activation },
      behindAttention: norm("post_attention_layernorm"),
      ...{ gate: unnormed(parts.gate), up: unnormed(parts.up), down: parts.down },
      behindFeedForward: norm("post_feedforward_layernorm"),
    },
    readRope(json, { headSize }),
  );
  return llamaArchitecture(json, parts, new Array<Layer>(sizes.layerCount).fill(layer));
}

export const olmo2: Family = {
  name: "OLMo 2",
  modelType: "olmo2",
  className: "Olmo2ForCausalLM",
  examples: ["allenai/OLMo-2-0425-1B-Instruct"],
  read,
  keys: {},
};
