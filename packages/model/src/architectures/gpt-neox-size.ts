/** config.json of a GPT-NeoX model of Pythia's kind: what its size is, and everything that all of them share. */
import { checkOptions, numberAbove, required, whole, type OptionChecks } from "@dynamo/core/options";

/** The size of a model that is made from nothing. */
export interface NeoxSize {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  /** Base layers, head 1's included. */
  readonly layers: number;
  readonly attentionHeads: number;
  /** Default: four times the hidden size. */
  readonly intermediateSize?: number | undefined;
  readonly contextLength: number;
  /** The part of each attention head's dimensions that is rotated; default 0.25. */
  readonly rotaryPercent?: number;
  /** Begin and end of a text; default 0. */
  readonly endOfText?: number;
  /** Default 1. */
  readonly tokenHeads?: number;
}

const sizeChecks: OptionChecks<NeoxSize> = {
  vocabularySize: required(whole(1)),
  hiddenSize: required(whole(1)),
  layers: required(whole(1)),
  attentionHeads: required(whole(1)),
  intermediateSize: whole(1),
  contextLength: required(whole(1)),
  rotaryPercent: numberAbove(0, 1),
  endOfText: whole(0),
  tokenHeads: whole(1),
};

/** The file's content, for `parseConfig`. */
export function neoxConfigJson(size: NeoxSize): Readonly<Record<string, unknown>> {
  checkOptions("neoxConfigJson()", size, sizeChecks);
  const { vocabularySize, hiddenSize, layers, attentionHeads, contextLength } = size;
  const { intermediateSize = 4 * hiddenSize, rotaryPercent = 0.25, endOfText = 0, tokenHeads = 1 } = size;
  return {
    architectures: ["GPTNeoXForCausalLM"],
    model_type: "gpt_neox",
    vocab_size: vocabularySize,
    hidden_size: hiddenSize,
    num_hidden_layers: layers,
    num_attention_heads: attentionHeads,
    intermediate_size: intermediateSize,
    rotary_pct: rotaryPercent,
    rotary_emb_base: 10_000,
    layer_norm_eps: 1e-5,
    max_position_embeddings: contextLength,
    hidden_act: "gelu",
    use_parallel_residual: true,
    tie_word_embeddings: false,
    attention_bias: true,
    bos_token_id: endOfText,
    eos_token_id: endOfText,
    torch_dtype: "float32",
    ...(tokenHeads > 1 ? { dynamo: { token_heads: tokenHeads } } : {}),
  };
}
