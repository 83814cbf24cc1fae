/** The keys of config.json that are not the model's shape: what they would change is refused or named, all else is neutral. */
import { DynamoError } from "@dynamo/core";
import { describeValue } from "@dynamo/core/options";
import { keyWarnings, lost, unless, type KeyRule, type KeyRules } from "./config-keys.js";

type Json = Readonly<Record<string, unknown>>;

const all = (rule: KeyRule, ...keys: readonly string[]): KeyRules =>
  Object.fromEntries(keys.map((key): [string, KeyRule] => [key, rule]));

/** Older files hold all of transformers' generation defaults; other values are recommendations of generation_config.json. */
const generation = (value: unknown): KeyRule => unless(value, "expected in generation_config.json");

const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** Keys with which the same weights would give other logits: [key, the one value that does not, what it is]. */
const refused: readonly (readonly [key: string, neutral: (value: unknown, json: Json) => boolean, what: string])[] = [
  ["quantization_config", () => false, "quantised weights: `dynamo convert` quantises full ones"],
  ["compression_config", () => false, "compressed weights"],
  ["is_encoder_decoder", (value) => value === false, "an encoder"],
  ["add_cross_attention", (value) => value === false, "cross-attention"],
  ["sliding_window", () => false, "attention to a window"],
  ["layer_types", (value) => isEmpty(value), "layers of several kinds"],
  ["per_layer_config", (value) => isEmpty(value), "layers of several kinds"],
  ["pruned_heads", (value) => isEmpty(value), "attention heads that were taken out"],
  ["num_key_value_heads", (value, json) => value === json["num_attention_heads"], "shared keys and values"],
  [
    "head_dim",
    (value, json) => value === Number(json["hidden_size"]) / Number(json["num_attention_heads"]),
    "heads of another size",
  ],
];

/** Every attribute of transformers' GPTNeoXConfig (5.18), and those of older files. */
const rules: KeyRules = {
  ...all(
    "read",
    "architectures",
    "model_type",
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
  ),
  ...all("read", "intermediate_size", "hidden_act", "max_position_embeddings", "layer_norm_eps", "bos_token_id"),
  ...all("read", "eos_token_id", "tie_word_embeddings", "use_parallel_residual", "attention_bias", "dynamo"),
  ...all("read", "rope_parameters", "rope_scaling", "rotary_pct", "rotary_emb_base"),
  ...all("read", ...refused.map(([key]) => key)),
  // Of training.
  ...all("neutral", "initializer_range", "attention_dropout", "hidden_dropout", "classifier_dropout", "problem_type"),
  ...all("neutral", "gradient_checkpointing", "use_bfloat16", "finetuning_task", "num_labels", "id2label", "label2id"),
  // How it is computed, and what else is returned.
  ...all("neutral", "use_cache", "chunk_size_feed_forward", "output_attentions", "output_hidden_states", "return_dict"),
  ...all("neutral", "torchscript", "tie_last_hidden_states", "attn_implementation", "_attn_implementation"),
  ...all("neutral", "_attn_implementation_autoset", "_attn_implementation_internal", "_experts_implementation"),
  // The weights' files say what they are; a graph's dtype is chosen when it is converted.
  ...all("neutral", "torch_dtype", "dtype", "transformers.js_config"),
  // Nothing is padded, and the decoder is all there is.
  ...all("neutral", "pad_token_id", "sep_token_id", "cls_token_id", "decoder_start_token_id", "is_decoder"),
  ...all("neutral", "cross_attention_hidden_size", "tie_encoder_decoder", "tokenizer_class", "unk_token_id"),
  ...all("neutral", "transformers_version", "_name_or_path", "name_or_path", "_commit_hash", "tf_legacy_loss"),
  ...all("neutral", "task_specific_params", "prefix", "return_dict_in_generate", "output_scores"),
  // Of beams and of several texts, which are not made.
  ...all(
    "neutral",
    "early_stopping",
    "length_penalty",
    "num_beam_groups",
    "diversity_penalty",
    "remove_invalid_values",
  ),
  auto_map: lost("code that comes with a model does not run"),
  // As in transformers: other families' names for the same do nothing in this one.
  rope_theta: {
    neutral: (value, json) => value === ropeOf(json).theta,
    lost: "GPT-NeoX keeps it in rope_parameters, or as rotary_emb_base",
  },
  partial_rotary_factor: {
    neutral: (value, json) => value === ropeOf(json).share,
    lost: "GPT-NeoX keeps it in rope_parameters, or as rotary_pct",
  },
  do_sample: generation(false),
  temperature: generation(1),
  top_k: generation(50),
  top_p: generation(1),
  typical_p: generation(1),
  max_length: generation(20),
  min_length: generation(0),
  num_beams: generation(1),
  num_return_sequences: generation(1),
  repetition_penalty: generation(1),
  no_repeat_ngram_size: generation(0),
  encoder_no_repeat_ngram_size: generation(0),
  bad_words_ids: generation(null),
  suppress_tokens: generation(null),
  begin_suppress_tokens: generation(null),
  forced_bos_token_id: generation(null),
  forced_eos_token_id: generation(null),
  exponential_decay_length_penalty: generation(null),
};

const ropeRules: KeyRules = all("read", "rope_type", "type", "rope_theta", "partial_rotary_factor");
const dynamoRules: KeyRules = all(
  "read",
  ...["token_heads", "untrained_heads", "head_layers", "head_input", "own_output_embedding"],
);

/** What rotary embeddings are made of, as transformers finds it: a filled `rope_scaling` stands before `rope_parameters`. */
export function ropeOf(json: Json): { readonly type: unknown; readonly theta: unknown; readonly share: unknown } {
  const rope = [json["rope_scaling"], json["rope_parameters"]].find(isFilled) ?? {};
  return {
    type: rope["rope_type"] ?? rope["type"] ?? "default",
    theta: rope["rope_theta"] ?? json["rotary_emb_base"] ?? 10_000,
    share: rope["partial_rotary_factor"] ?? json["rotary_pct"] ?? 0.25,
  };
}

const isFilled = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && Object.keys(value).length > 0;

/** Warnings for the keys of a config.json that `parseNeoxConfig` has taken. */
export function neoxConfigWarnings(json: Json): string[] {
  const inner = (key: string, inside: KeyRules): string[] =>
    keyWarnings(`config.json: ${key}`, (json[key] ?? {}) as Json, inside);
  return [
    ...keyWarnings("config.json", json, rules),
    ...inner("dynamo", dynamoRules),
    ...inner("rope_parameters", ropeRules),
    ...inner("rope_scaling", ropeRules),
  ];
}

/** Throws `unsupported` for what the same weights would compute otherwise. */
export function refuseOtherModels(json: Json): void {
  for (const [key, neutral, what] of refused) {
    const value = json[key] ?? undefined;
    if (value === undefined || neutral(value, json)) continue;
    throw new DynamoError("unsupported", `config.json: expected no ${key} (${what}), received ${describeValue(value)}`);
  }
}
