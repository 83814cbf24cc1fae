/** OLMo 2: norms behind both branches instead of in front, and over all queries and all keys. */
import type { Architecture, Layer } from "./architecture.js";
import type { Family } from "./family.js";
import type { JsonReader } from "./json-reader.js";
import { llamaArchitecture, readLlamaParts } from "./llama-like.js";
import { readRope } from "./rope.js";

function read(json: JsonReader): Architecture {
  const parts = readLlamaParts(json);
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
  const [gateProduct, upProduct] = [unnormed(parts.gate), unnormed(parts.up)];
  const headNorms = {
    query: { ...norm("self_attn.q_norm", heads * headSize), scale: 1 / Math.sqrt(headSize) },
    key: norm("self_attn.k_norm", keyValueHeads * headSize),
  };
  const behindAttention = norm("post_attention_layernorm");
  const behindFeedForward = norm("post_feedforward_layernorm");
  const rotary = readRope(json, { headSize });
  /** x += norm(attention(x)), x += norm(feed-forward(x)) */
  const layer: Layer = {
    attention: shape,
    forward(op, x) {
      const { attention } = op.project(x, projections, []);
      const attended = op.attend(op.rotate(op.normHeads(attention, headNorms), rotary));
      const [branch] = op.products(attended, [output]) as [typeof x];
      const between = op.add(x, op.norm(branch, behindAttention));
      const [gate, up] = op.products(between, [gateProduct, upProduct]) as [typeof x, typeof x];
      const [inner] = op.products(op.multiply(op.activate(gate, activation), up), [parts.down]) as [typeof x];
      return op.add(between, op.norm(inner, behindFeedForward));
    },
  };
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
