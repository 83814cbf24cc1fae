/** The keys of config.json that are no family's own: what they would change is refused or named, all else is neutral. */
import { lost, unless, type KeyRule, type KeyRules } from "../checkpoint/config-keys.js";
import type { JsonReader } from "./json-reader.js";

const neutral = (...keys: readonly string[]): KeyRules =>
  Object.fromEntries(keys.map((key): [string, KeyRule] => [key, "neutral"]));

/** Older files hold all of transformers' generation defaults; other values are recommendations of generation_config.json. */
const generation = (value: unknown): KeyRule => unless(value, "expected in generation_config.json");

/** Of multi-token-prediction modules, which heads may be made of. */
const ofModule: KeyRule = {
  neutral: (value, { dynamo }) => value === 0 || value === false || isModule(dynamo),
  lost: "`dynamo convert --mtp` takes the module along",
};
const isModule = (dynamo: unknown): boolean =>
  String((dynamo as { head_kind?: unknown } | null)?.head_kind).endsWith("mtp");

const isFalse = (value: unknown): boolean => value === false;
const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** Throws `unsupported` for keys with which the same weights would give other logits, in any family. */
export function refuseOtherModels(json: JsonReader): void {
  json.refuse("quantization_config", "quantised weights: `dynamo convert` quantises full ones");
  json.refuse("compression_config", "compressed weights");
  json.refuse("is_encoder_decoder", "an encoder", isFalse);
  json.refuse("add_cross_attention", "cross-attention", isFalse);
  json.refuse("per_layer_config", "layers of several kinds", isEmpty);
  json.refuse("pruned_heads", "attention heads that were taken out", isEmpty);
}

/** Attributes of transformers' PreTrainedConfig (5.18), and those of older files. */
export const commonKeys: KeyRules = {
  ...neutral("architectures", "model_type", "bos_token_id", "eos_token_id", "dynamo"),
  // Of training.
  ...neutral("initializer_range", "attention_dropout", "hidden_dropout", "classifier_dropout", "problem_type"),
  ...neutral("gradient_checkpointing", "use_bfloat16", "finetuning_task", "num_labels", "id2label", "label2id"),
  // How it is computed, and what else is returned.
  ...neutral("use_cache", "chunk_size_feed_forward", "output_attentions", "output_hidden_states", "return_dict"),
  ...neutral("torchscript", "tie_last_hidden_states", "attn_implementation", "_attn_implementation"),
  ...neutral("_attn_implementation_autoset", "_attn_implementation_internal", "_experts_implementation"),
  // The weights' files say what they are; a graph's dtype is chosen when it is converted.
  ...neutral("torch_dtype", "dtype", "transformers.js_config"),
  // Nothing is padded, and the decoder is all there is.
  ...neutral("pad_token_id", "sep_token_id", "cls_token_id", "decoder_start_token_id", "is_decoder"),
  ...neutral("cross_attention_hidden_size", "tie_encoder_decoder", "tokenizer_class", "unk_token_id"),
  ...neutral("transformers_version", "_name_or_path", "name_or_path", "_commit_hash", "tf_legacy_loss"),
  ...neutral("task_specific_params", "prefix", "return_dict_in_generate", "output_scores"),
  // Of beams and of several texts, which are not made.
  ...neutral("early_stopping", "length_penalty", "num_beam_groups", "diversity_penalty", "remove_invalid_values"),
  num_nextn_predict_layers: ofModule,
  mtp_num_hidden_layers: ofModule,
  mtp_num_layers: ofModule,
  mtp_use_dedicated_embeddings: ofModule,
  auto_map: lost("code that comes with a model does not run"),
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
