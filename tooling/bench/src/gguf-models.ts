/** The tensors and the metadata of a checkpoint by llama.cpp's names: GPT-NeoX, Llama and Qwen 2. */
import type { ModelConfig } from "@dynamo/model";
import type { GgufOptions, GgufTensor, GgufValue } from "./gguf-types.js";
import { neoxSettings } from "./neox-settings.js";

export const tensorsOf = (options: GgufOptions): GgufTensor[] =>
  options.config.modelType === "gpt_neox" ? neoxTensors(options) : llamaTensors(options);

function neoxTensors({ config, read, matrices }: GgufOptions): GgufTensor[] {
  const { hiddenSize: hidden, intermediateSize: inner, vocabularySize: words } = config;
  const matrix = (name: string, from: string, input: number, output: number, order?: Reorder): GgufTensor => ({
    ...{ name: `${name}.weight`, dims: [input, output], type: matrices },
    values: async () => (order === undefined ? read(from) : order(await read(from), input)),
  });
  const vector = (name: string, from: string, size: number, order?: Reorder): GgufTensor => ({
    ...{ name, dims: [size], type: "f32" },
    values: async () => (order === undefined ? read(from) : order(await read(from), 1)),
  });
  const linear = (name: string, from: string, input: number, output: number, order?: Reorder): GgufTensor[] => [
    matrix(name, `${from}.weight`, input, output, order),
    vector(`${name}.bias`, `${from}.bias`, output, order),
  ];
  const norm = (name: string, from: string): GgufTensor[] =>
    ["weight", "bias"].map((part) => vector(`${name}.${part}`, `${from}.${part}`, hidden));
  const layer = (i: number): GgufTensor[] => {
    const [to, from] = [`blk.${i}`, `gpt_neox.layers.${i}`];
    return [
      ...norm(`${to}.attn_norm`, `${from}.input_layernorm`),
      ...norm(`${to}.ffn_norm`, `${from}.post_attention_layernorm`),
      ...linear(`${to}.attn_qkv`, `${from}.attention.query_key_value`, hidden, 3 * hidden, queriesFirst(config)),
      ...linear(`${to}.attn_output`, `${from}.attention.dense`, hidden, hidden),
      ...linear(`${to}.ffn_up`, `${from}.mlp.dense_h_to_4h`, hidden, inner),
      ...linear(`${to}.ffn_down`, `${from}.mlp.dense_4h_to_h`, inner, hidden),
    ];
  };
  return [
    matrix("token_embd", "gpt_neox.embed_in.weight", hidden, words),
    ...norm("output_norm", "gpt_neox.final_layer_norm"),
    matrix("output", "embed_out.weight", hidden, words),
    ...Array.from({ length: config.layers }, (_, i) => layer(i)).flat(),
  ];
}

type Reorder = (values: Float32Array, width: number) => Float32Array;

/** Rows [head, 3, headSize] of GPT-NeoX as [3, head, headSize]: all queries, all keys, all values. */
function queriesFirst({ attentionHeads, headSize }: ModelConfig): Reorder {
  return (values, width) => {
    const out = new Float32Array(values.length);
    const part = headSize * width;
    for (let head = 0; head < attentionHeads; head++) {
      for (let kind = 0; kind < 3; kind++) {
        const from = (head * 3 + kind) * part;
        out.set(values.subarray(from, from + part), (kind * attentionHeads + head) * part);
      }
    }
    return out;
  };
}

function llamaTensors({ config, read, matrices }: GgufOptions): GgufTensor[] {
  const { hiddenSize: hidden, intermediateSize: inner, vocabularySize: words, headSize } = config;
  const [width, keyValueWidth] = [config.attentionHeads * headSize, config.keyValueHeads * headSize];
  const hasBias = config.modelType === "qwen2";
  // llama.cpp turns Llama's pairs side by side, Hugging Face's files have them in halves.
  const order = config.modelType === "llama" ? pairsTogether(headSize) : undefined;
  const matrix = (name: string, from: string, input: number, output: number, own?: Reorder): GgufTensor => ({
    ...{ name: `${name}.weight`, dims: [input, output], type: matrices },
    values: async () => own?.(await read(`${from}.weight`), input) ?? read(`${from}.weight`),
  });
  const vector = (name: string, from: string, size: number): GgufTensor => ({
    ...{ name, dims: [size], type: "f32" },
    values: () => read(from),
  });
  const biased = (name: string, from: string, output: number, own?: Reorder): GgufTensor[] => [
    matrix(name, from, hidden, output, own),
    ...(hasBias ? [vector(`${name}.bias`, `${from}.bias`, output)] : []),
  ];
  const layer = (i: number): GgufTensor[] => {
    const [to, from] = [`blk.${i}`, `model.layers.${i}`];
    return [
      vector(`${to}.attn_norm.weight`, `${from}.input_layernorm.weight`, hidden),
      ...biased(`${to}.attn_q`, `${from}.self_attn.q_proj`, width, order),
      ...biased(`${to}.attn_k`, `${from}.self_attn.k_proj`, keyValueWidth, order),
      ...biased(`${to}.attn_v`, `${from}.self_attn.v_proj`, keyValueWidth),
      matrix(`${to}.attn_output`, `${from}.self_attn.o_proj`, width, hidden),
      vector(`${to}.ffn_norm.weight`, `${from}.post_attention_layernorm.weight`, hidden),
      matrix(`${to}.ffn_gate`, `${from}.mlp.gate_proj`, hidden, inner),
      matrix(`${to}.ffn_up`, `${from}.mlp.up_proj`, hidden, inner),
      matrix(`${to}.ffn_down`, `${from}.mlp.down_proj`, inner, hidden),
    ];
  };
  return [
    matrix("token_embd", "model.embed_tokens", hidden, words),
    vector("output_norm.weight", "model.norm.weight", hidden),
    ...(config.tiedEmbeddings ? [] : [matrix("output", "lm_head", hidden, words)]),
    ...Array.from({ length: config.layers }, (_, i) => layer(i)).flat(),
  ];
}

/** Rows [head, 2, half] as [head, half, 2]. */
function pairsTogether(headSize: number): Reorder {
  return (values, width) => {
    const out = new Float32Array(values.length);
    const half = headSize / 2;
    for (let row = 0; row * width < values.length; row++) {
      const [head, place] = [Math.floor(row / headSize), row % headSize];
      const to = head * headSize + 2 * (place % half) + Math.floor(place / half);
      out.set(values.subarray(row * width, (row + 1) * width), to * width);
    }
    return out;
  };
}

export function metadataOf(config: ModelConfig): (readonly [string, GgufValue])[] {
  const words = Array.from({ length: config.vocabularySize }, (_, id) => `token${id}`);
  return [
    ...(config.modelType === "gpt_neox" ? neoxMetadata(config) : llamaMetadata(config)),
    // A tokenizer has to be there; only ids are used.
    ["tokenizer.ggml.model", { text: "gpt2" }],
    ["tokenizer.ggml.pre", { text: "gpt-2" }],
    ["tokenizer.ggml.tokens", { texts: words }],
    ["tokenizer.ggml.token_type", { i32s: words.map(() => 1) }],
    ["tokenizer.ggml.merges", { texts: ["t o"] }],
    ["tokenizer.ggml.bos_token_id", { u32: 0 }],
    ["tokenizer.ggml.eos_token_id", { u32: 0 }],
  ];
}

const sizesOf = (name: string, config: ModelConfig): (readonly [string, GgufValue])[] => [
  ["general.architecture", { text: name }],
  [`${name}.context_length`, { u32: config.contextLength }],
  [`${name}.embedding_length`, { u32: config.hiddenSize }],
  [`${name}.block_count`, { u32: config.layers }],
  [`${name}.feed_forward_length`, { u32: config.intermediateSize }],
  [`${name}.attention.head_count`, { u32: config.attentionHeads }],
];

function neoxMetadata(config: ModelConfig): (readonly [string, GgufValue])[] {
  const { rotaryDimensions, rotaryBase, layerNormEpsilon } = neoxSettings(config);
  return [
    ...sizesOf("gptneox", config),
    ["gptneox.rope.dimension_count", { u32: rotaryDimensions }],
    ["gptneox.rope.freq_base", { f32: rotaryBase }],
    ["gptneox.use_parallel_residual", { bool: true }],
    ["gptneox.attention.layer_norm_epsilon", { f32: layerNormEpsilon }],
  ];
}

function llamaMetadata(config: ModelConfig): (readonly [string, GgufValue])[] {
  const name = config.modelType;
  return [
    ...sizesOf(name, config),
    [`${name}.attention.head_count_kv`, { u32: config.keyValueHeads }],
    [`${name}.rope.dimension_count`, { u32: config.headSize }],
    [`${name}.rope.freq_base`, { f32: Number(config.raw["rope_theta"] ?? 10_000) }],
    [`${name}.attention.layer_norm_rms_epsilon`, { f32: Number(config.raw["rms_norm_eps"] ?? 1e-6) }],
  ];
}
