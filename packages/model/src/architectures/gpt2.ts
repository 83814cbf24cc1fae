/** GPT-2: learned positions, layer norms, weights stored as [inputs, outputs]. */
import type { Activation, Architecture, Layer, Norm, Product } from "./architecture.js";
import type { Family } from "./family.js";
import type { JsonReader } from "./json-reader.js";
import { plainLayer } from "./shared-layers.js";
import { caps } from "./sizes.js";

const activations: ReadonlyMap<string, Activation> = new Map([
  ["gelu_new", "gelu-tanh"],
  ["gelu_pytorch_tanh", "gelu-tanh"],
  ["gelu_fast", "gelu-tanh"],
  ["gelu", "gelu"],
]);

function read(json: JsonReader): Architecture {
  const vocabularySize = json.whole("vocab_size", 1, caps.vocabulary, 50_257);
  const hiddenSize = json.whole("n_embd", 1, caps.hidden, 768);
  const heads = json.whole("n_head", 1, caps.heads, 12);
  const contextLength = json.whole("n_positions", 1, caps.context, 1024);
  const intermediateSize = json.whole("n_inner", 1, caps.intermediate, 4 * hiddenSize);
  const headSize = hiddenSize / heads;
  if (!Number.isInteger(headSize)) json.fail(`n_embd ${hiddenSize} is no multiple of n_head ${heads}`);
  const epsilon = json.positive("layer_norm_epsilon", 1e-5);
  const activation = json.oneOf("activation_function", activations, "gelu_new");
  json.refuse("scale_attn_weights", "attention without its factor", (value) => value === true);
  json.refuse("scale_attn_by_inverse_layer_idx", "attention by layer", (value) => value === false);

  const norm = (tensor: string): Norm => ({ tensor, size: hiddenSize, kind: "layer", epsilon, bias: true });
  const product = (tensor: string, inputs: number, outputs: number, input?: Norm): Product => ({
    tensor,
    inputs,
    outputs,
    bias: true,
    isTransposed: true,
    ...(input === undefined ? {} : { norm: input }),
  });
  const sizes = [hiddenSize, hiddenSize, hiddenSize];
  const fused = (index: number): Product => ({
    ...product("attn.c_attn", hiddenSize, hiddenSize, norm("ln_1")),
    part: { groups: 1, sizes, index },
  });
  const projections = { query: { ...fused(0), scale: 1 / Math.sqrt(headSize) }, key: fused(1), value: fused(2) };
  const output = product("attn.c_proj", hiddenSize, hiddenSize);
  const inner = product("mlp.c_fc", hiddenSize, intermediateSize, norm("ln_2"));
  const outer = product("mlp.c_proj", intermediateSize, hiddenSize);
  const attention = { heads, keyValueHeads: heads, headSize };
  const layer = plainLayer({ attention, projections, output, inner, activation, outer }, undefined);
  return {
    vocabularySize,
    hiddenSize,
    intermediateSize,
    contextLength,
    tiedEmbeddings: json.flag("tie_word_embeddings", true),
    prefix: "transformer.",
    embedding: "transformer.wte",
    embed: (op) => op.add(op.tokens("transformer.wte"), op.positions("transformer.wpe")),
    layerPrefix: (i) => `transformer.h.${i}`,
    layers: new Array<Layer>(json.whole("n_layer", 1, caps.layers, 12)).fill(layer),
    finalNorm: norm("transformer.ln_f"),
    outputEmbedding: "lm_head",
  };
}

export const gpt2: Family = {
  name: "GPT-2",
  modelType: "gpt2",
  className: "GPT2LMHeadModel",
  examples: ["openai-community/gpt2"],
  read,
  keys: Object.fromEntries(
    [
      ...["attn_pdrop", "embd_pdrop", "resid_pdrop", "n_ctx", "reorder_and_upcast_attn"],
      ...["summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj"],
    ].map((key) => [key, "neutral"]),
  ),
};
