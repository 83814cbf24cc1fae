/** GPT-NeoX: Pythia, and the paper's DynaMo models. One normalisation serves attention and feed-forward: both read the same x. */
import type { KeyRule } from "../checkpoint/config-keys.js";
import type { Activation, Architecture, AttentionShape, Layer, Norm, Product } from "./architecture.js";
import type { Family } from "./family.js";
import type { JsonReader } from "./json-reader.js";
import { readRope, ropeContext, ropeValue } from "./rope.js";
import { plainLayer } from "./shared-layers.js";
import { caps, dividedHeads, readSizes } from "./sizes.js";

const activations: ReadonlyMap<string, Activation> = new Map([
  ["gelu", "gelu"],
  ["gelu_new", "gelu-tanh"],
  ["gelu_fast", "gelu-tanh"],
  ["gelu_pytorch_tanh", "gelu-tanh"],
]);

function read(json: JsonReader): Architecture {
  const activation = json.oneOf("hidden_act", activations, "gelu");
  const isParallel = json.flag("use_parallel_residual", true);
  const isEmpty = (value: unknown): boolean =>
    typeof value === "object" && value !== null && Object.keys(value).length === 0;
  json.refuse("sliding_window", "attention to a window");
  json.refuse("layer_types", "layers of several kinds", isEmpty);
  json.refuse("num_key_value_heads", "shared keys and values", (value) => value === json.any("num_attention_heads"));
  const { vocabularySize, hiddenSize, layerCount, heads, contextLength } = readSizes(json);
  const headSize = dividedHeads(json, { hiddenSize, heads });
  json.refuse("head_dim", "heads of another size", (value) => value === headSize);
  const intermediateSize = json.whole("intermediate_size", 1, caps.intermediate, 4 * hiddenSize);
  const theta = json.positive("rotary_emb_base", 10_000);
  const share = json.positive("rotary_pct", 0.25);
  const rotary = readRope(json, { headSize, theta, share, shareKey: "rotary_pct" });
  const epsilon = json.positive("layer_norm_eps", 1e-5);
  const bias = json.flag("attention_bias", true);

  const norm = (tensor: string): Norm => ({ tensor, size: hiddenSize, kind: "layer", epsilon, bias: true });
  const attentionNorm = norm("input_layernorm");
  const square = { inputs: hiddenSize, outputs: hiddenSize, bias };
  /** Rows of the fused tensor: [head, (q, k, v), headSize]. */
  const fused = (index: number, scale = 1): Product => ({
    tensor: "attention.query_key_value",
    ...square,
    norm: attentionNorm,
    part: { groups: heads, sizes: [headSize, headSize, headSize], index },
    scale,
  });
  const projections = { query: fused(0, 1 / Math.sqrt(headSize)), key: fused(1), value: fused(2) };
  const dense: Product = { tensor: "attention.dense", ...square };
  const inner: Product = {
    tensor: "mlp.dense_h_to_4h",
    inputs: hiddenSize,
    outputs: intermediateSize,
    bias: true,
    norm: norm("post_attention_layernorm"),
  };
  const outer: Product = { tensor: "mlp.dense_4h_to_h", inputs: intermediateSize, outputs: hiddenSize, bias: true };

  const attention: AttentionShape = { heads, keyValueHeads: heads, headSize };
  /** x + attention(norm1(x)) + mlp(norm2(x)): one product of the input, one of the sum. */
  const parallel: Layer = {
    attention,
    forward(op, x) {
      const { attention, others } = op.project(x, projections, [inner]);
      const attended = op.attend(op.rotate(attention, rotary));
      const [mlp] = others as [typeof x];
      return op.addProducts(x, [
        [attended, dense],
        [op.activate(mlp, activation), outer],
      ]);
    },
  };
  const parts = { attention, projections, output: dense, inner, activation, outer };
  const layer = isParallel ? parallel : plainLayer(parts, rotary);
  return {
    vocabularySize,
    hiddenSize,
    intermediateSize,
    contextLength: ropeContext(json, contextLength),
    tiedEmbeddings: json.flag("tie_word_embeddings", false),
    prefix: "gpt_neox.",
    embedding: "gpt_neox.embed_in",
    embed: (op) => op.tokens("gpt_neox.embed_in"),
    layerPrefix: (i) => `gpt_neox.layers.${i}`,
    layers: new Array<Layer>(layerCount).fill(layer),
    finalNorm: norm("gpt_neox.final_layer_norm"),
    outputEmbedding: "embed_out",
  };
}

/** As in transformers: other families' names for the same do nothing in this one. */
const renamed = (key: string, own: string, fallback: number): KeyRule => ({
  neutral: (value, json) => value === (ropeValue(json, key) ?? json[own] ?? fallback),
  lost: `GPT-NeoX keeps it in rope_parameters, or as ${own}`,
});

export const gptNeox: Family = {
  name: "GPT-NeoX",
  modelType: "gpt_neox",
  className: "GPTNeoXForCausalLM",
  examples: ["EleutherAI/pythia-70m"],
  read,
  keys: {
    rope_theta: renamed("rope_theta", "rotary_emb_base", 10_000),
    partial_rotary_factor: renamed("partial_rotary_factor", "rotary_pct", 0.25),
  },
};
