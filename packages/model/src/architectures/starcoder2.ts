/** StarCoder 2: layer norms, a plain feed-forward, biases, grouped queries and a window. */
import type { Activation, Architecture, Layer, Norm, Product } from "./architecture.js";
import type { Family } from "./family.js";
import type { JsonReader } from "./json-reader.js";
import { readRope, ropeContext } from "./rope.js";
import { plainLayer } from "./shared-layers.js";
import { caps, dividedHeads, readKeyValueHeads, readSizes } from "./sizes.js";
import { windowOfAll } from "./windows.js";

const activations: ReadonlyMap<string, Activation> = new Map([
  ["gelu_pytorch_tanh", "gelu-tanh"],
  ["gelu", "gelu"],
]);

function read(json: JsonReader): Architecture {
  const { vocabularySize, hiddenSize, layerCount, heads, contextLength } = readSizes(json);
  const headSize = dividedHeads(json, { hiddenSize, heads });
  const keyValueHeads = readKeyValueHeads(json, heads, 2);
  const intermediateSize = json.whole("intermediate_size", 1, caps.intermediate);
  const activation = json.oneOf("hidden_act", activations, "gelu_pytorch_tanh");
  const epsilon = json.positive("norm_epsilon", 1e-5);
  const bias = json.flag("use_bias", true);

  const norm = (tensor: string): Norm => ({ tensor, size: hiddenSize, kind: "layer", epsilon, bias: true });
  const product = (tensor: string, inputs: number, outputs: number): Product => ({ tensor, inputs, outputs, bias });
  const before = { norm: norm("input_layernorm") };
  const projections = {
    query: { ...product("self_attn.q_proj", hiddenSize, hiddenSize), ...before, scale: 1 / Math.sqrt(headSize) },
    key: { ...product("self_attn.k_proj", hiddenSize, keyValueHeads * headSize), ...before },
    value: { ...product("self_attn.v_proj", hiddenSize, keyValueHeads * headSize), ...before },
  };
  const output = product("self_attn.o_proj", hiddenSize, hiddenSize);
  const inner = {
    ...product("mlp.c_fc", hiddenSize, intermediateSize),
    norm: norm("post_attention_layernorm"),
  };
  const outer = product("mlp.c_proj", intermediateSize, hiddenSize);
  const attention = { heads, keyValueHeads, headSize, ...windowOfAll(json) };
  const layer = plainLayer({ attention, projections, output, inner, activation, outer }, readRope(json, { headSize }));
  return {
    vocabularySize,
    hiddenSize,
    intermediateSize,
    contextLength: ropeContext(json, contextLength),
    tiedEmbeddings: json.flag("tie_word_embeddings", true),
    prefix: "model.",
    embedding: "model.embed_tokens",
    embed: (op) => op.tokens("model.embed_tokens"),
    layerPrefix: (i) => `model.layers.${i}`,
    layers: new Array<Layer>(layerCount).fill(layer),
    finalNorm: norm("model.norm"),
    outputEmbedding: "lm_head",
  };
}

export const starcoder2: Family = {
  name: "StarCoder 2",
  modelType: "starcoder2",
  className: "Starcoder2ForCausalLM",
  examples: ["bigcode/starcoder2-3b"],
  read,
  keys: { embedding_dropout: "neutral", residual_dropout: "neutral" },
};
