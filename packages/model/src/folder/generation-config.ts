/** generation_config.json, read whole: what it recommends, what ends a text, and warnings for all that it asks for in vain. */
import { DynamoError, type GenerationDefaults } from "@dynamo/core";
import { describeValue } from "@dynamo/core/options";
import { keyWarnings, lost, unless, warning, type KeyRule, type KeyRules } from "../checkpoint/config-keys.js";

export const generationConfigPath = "generation_config.json";

export interface GenerationConfig {
  readonly defaults: GenerationDefaults;
  /** Undefined: the file does not say, and config.json does. */
  readonly endOfTextIds: readonly number[] | undefined;
  readonly warnings: readonly string[];
}

export interface GenerationConfigOptions {
  readonly vocabularySize: number;
  readonly contextLength: number;
}

type Json = Readonly<Record<string, unknown>>;

/** How a value becomes a recommendation; `expected` in words. */
interface Reading {
  readonly name: keyof GenerationDefaults;
  readonly valid: (value: unknown, options: GenerationConfigOptions) => boolean;
  readonly expected: string;
}

const number =
  (valid: (value: number) => boolean) =>
  (value: unknown): boolean =>
    typeof value === "number" && Number.isFinite(value) && valid(value);
const share = number((value) => value >= 0 && value <= 1);
const shareAbove0 = number((value) => value > 0 && value <= 1);
const whole = (least: number, most = Number.MAX_SAFE_INTEGER): ((value: unknown) => boolean) =>
  number((value) => Number.isInteger(value) && value >= least && value <= most);

const nameOf =
  (...names: readonly string[]) =>
  (value: unknown): boolean =>
    names.includes(value as string);

const ids = (value: unknown, { vocabularySize }: GenerationConfigOptions): boolean =>
  Array.isArray(value) && value.every(whole(0, vocabularySize - 1));
const words = (value: unknown, options: GenerationConfigOptions): boolean =>
  Array.isArray(value) && value.every((word) => ids(word, options) && (word as unknown[]).length > 0);
const texts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((text) => typeof text === "string" && text !== "");

/** No reader asks for more candidates. */
const maxTopK = 1024;

/** The keys that are recommendations here. `dynamo.` ones stand in an object of this project's own. */
const readings: Readonly<Record<string, Reading>> = {
  temperature: { name: "temperature", valid: number((t) => t >= 0), expected: "a number of at least 0" },
  top_k: { name: "topK", valid: whole(1, maxTopK), expected: `a whole number from 1 to ${maxTopK}` },
  top_p: { name: "topP", valid: shareAbove0, expected: "a number above 0, at most 1" },
  min_p: { name: "minP", valid: share, expected: "a number from 0 to 1" },
  typical_p: { name: "typicalP", valid: shareAbove0, expected: "a number above 0, at most 1" },
  repetition_penalty: { name: "repetitionPenalty", valid: number((p) => p > 0), expected: "a number above 0" },
  no_repeat_ngram_size: { name: "noRepeatNgramSize", valid: whole(0), expected: "a whole number of at least 0" },
  min_new_tokens: { name: "minNewTokens", valid: whole(0), expected: "a whole number of at least 0" },
  max_new_tokens: { name: "maxNewTokens", valid: whole(1), expected: "a whole number of at least 1" },
  bad_words_ids: { name: "badWords", valid: words, expected: "lists of this model's token ids" },
  suppress_tokens: { name: "suppressTokens", valid: ids, expected: "a list of this model's token ids" },
  begin_suppress_tokens: { name: "beginSuppressTokens", valid: ids, expected: "a list of this model's token ids" },
  stop_strings: { name: "stopStrings", valid: texts, expected: "texts of at least one character" },
  "dynamo.strategy": { name: "strategy", valid: nameOf("dynamo", "verified"), expected: '"dynamo" or "verified"' },
  "dynamo.joint": {
    name: "joint",
    valid: nameOf("counts", "learned", "chain"),
    expected: '"counts", "learned" or "chain"',
  },
  "dynamo.backoff": { name: "backoff", valid: share, expected: "a number from 0 to 1" },
  "dynamo.mask_strength": { name: "maskStrength", valid: share, expected: "a number from 0 to 1" },
};

const neutral = (...keys: readonly string[]): KeyRules =>
  Object.fromEntries(keys.map((key): [string, KeyRule] => [key, "neutral"]));
const read = (...keys: readonly string[]): KeyRules =>
  Object.fromEntries(keys.map((key): [string, KeyRule] => [key, "read"]));

/** Every field of transformers' GenerationConfig (5.18, and those of older files). */
const rules: KeyRules = {
  ...read(...Object.keys(readings), "do_sample", "eos_token_id", "max_length", "dynamo"),
  // A prompt is always there, and nothing is padded.
  ...neutral("bos_token_id", "pad_token_id", "decoder_start_token_id"),
  // How it is computed, not what.
  ...neutral("use_cache", "cache_implementation", "cache_config", "max_cache_len", "return_legacy_cache", "low_memory"),
  ...neutral("compile_config", "disable_compile", "continuous_batching_config", "prefill_chunk_size"),
  // What else is returned.
  ...neutral("output_attentions", "output_hidden_states", "output_scores", "output_logits", "return_dict_in_generate"),
  // Assisted decoding: the text's distribution is the same.
  ...neutral("is_assistant", "num_assistant_tokens", "num_assistant_tokens_schedule", "assistant_confidence_threshold"),
  ...neutral("prompt_lookup_num_tokens", "max_matching_ngram_size", "assistant_early_exit", "assistant_lookbehind"),
  ...neutral("target_lookbehind", "assistant_ensemble_weight", "speculation_type", "use_mtp"),
  // They say how beams are searched: num_beams itself is named.
  ...neutral("early_stopping", "length_penalty", "num_beam_groups", "diversity_penalty"),
  // Probabilities are normalised in any case, and logits that are no numbers are an error.
  ...neutral("renormalize_logits", "remove_invalid_values"),
  ...neutral("transformers_version", "_from_model_config", "_commit_hash", "_name_or_path"),
  num_beams: unless(1, "beams are not searched, one text is sampled"),
  num_return_sequences: unless(1, "each prompt gets one text"),
  min_length: unless(0, "min_new_tokens counts without the prompt, and is applied"),
  max_time: lost("texts are not ended by time"),
  top_h: lost("this sampler is not there"),
  epsilon_cutoff: unless(0, "this sampler is not there"),
  eta_cutoff: unless(0, "this sampler is not there"),
  encoder_repetition_penalty: unless(1, "this penalty is not there"),
  encoder_no_repeat_ngram_size: unless(0, "no_repeat_ngram_size looks at the prompt too, and is applied"),
  penalty_alpha: unless(0, "contrastive search is not there"),
  dola_layers: lost("layers are not contrasted"),
  guidance_scale: unless(1, "there is no guidance"),
  sequence_bias: lost("generate() takes logitBias, for single tokens"),
  token_healing: unless(false, "the prompt's last token stays as it is"),
  watermarking_config: lost("texts have no watermark"),
  constraints: lost("texts are not constrained"),
  force_words_ids: lost("words are not forced"),
  forced_bos_token_id: lost("the first token is not forced"),
  forced_eos_token_id: lost("the last token is not forced"),
  forced_decoder_ids: lost("tokens are not forced"),
  exponential_decay_length_penalty: lost("the end of text grows no likelier with length"),
};

const ownRules: KeyRules = read("strategy", "joint", "backoff", "mask_strength");

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * The file's content, or undefined for a folder without one. A value out of its range, and a key that nothing here can
 * honour, is named in a warning. Throws `invalid-file` for a file that is no object and for ends that are no token ids.
 */
export function readGenerationConfig(json: unknown, options: GenerationConfigOptions): GenerationConfig {
  if (json === undefined) return { defaults: {}, endOfTextIds: undefined, warnings: [] };
  if (!isObject(json)) {
    throw new DynamoError(
      "invalid-file",
      `${generationConfigPath}: expected an object, received ${describeValue(json)}`,
    );
  }
  const own = isObject(json["dynamo"]) ? json["dynamo"] : {};
  const warnings = [
    ...keyWarnings(generationConfigPath, json, rules),
    ...keyWarnings(`${generationConfigPath}: dynamo`, own, ownRules),
    ...lengthWarnings(json, options),
  ];
  const defaults: Record<string, unknown> = {};
  for (const [key, { name, valid, expected }] of Object.entries(readings)) {
    const value = key.startsWith("dynamo.") ? own[key.slice("dynamo.".length)] : json[key];
    if (value === undefined || value === null) continue;
    if (valid(value, options)) defaults[name] = value;
    else warnings.push(warning(generationConfigPath, key, value, `expected ${expected}`));
  }
  const sampling = json["do_sample"] ?? true;
  if (typeof sampling !== "boolean")
    warnings.push(warning(generationConfigPath, "do_sample", sampling, "expected true or false"));
  // As in transformers, whatever the temperature says.
  if (sampling === false) defaults["temperature"] = 0;
  return { defaults, endOfTextIds: endsOf(json["eos_token_id"], options), warnings };
}

/** A length with the prompt: it does nothing where the context ends earlier. */
function lengthWarnings({ max_length: length }: Json, { contextLength }: GenerationConfigOptions): string[] {
  if (length === undefined || length === null || (typeof length === "number" && length >= contextLength)) return [];
  return [
    warning(generationConfigPath, "max_length", length, "max_new_tokens counts without the prompt, and is applied"),
  ];
}

const mostEnds = 64;

function endsOf(value: unknown, options: GenerationConfigOptions): readonly number[] | undefined {
  if (value === undefined || value === null) return undefined;
  const list: unknown = Array.isArray(value) ? value : [value];
  if (ids(list, options) && (list as unknown[]).length <= mostEnds) return list as readonly number[];
  throw new DynamoError(
    "invalid-file",
    `${generationConfigPath}: eos_token_id must hold token ids below ${options.vocabularySize}, received ${describeValue(value)}`,
  );
}
