/** The keys of tokenizer_config.json and special_tokens_map.json, beside the tokenizer.json that does the work. */
import { keyWarnings, lost, unless, warning, type KeyRule, type KeyRules } from "../checkpoint/config-keys.js";

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const all = (rule: KeyRule, ...keys: readonly string[]): KeyRules =>
  Object.fromEntries(keys.map((key): [string, KeyRule] => [key, rule]));

/** What chat templates name. */
const templateTokens = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/** The attributes of transformers' tokenizers that published files have. */
const rules = (tokenizer: Json): KeyRules => ({
  ...all("read", "chat_template", ...templateTokens),
  ...all("neutral", "additional_special_tokens", "extra_special_tokens"),
  // Of padding, cutting and batches, which are not the tokenizer's here.
  ...all("neutral", "model_max_length", "padding_side", "truncation_side", "max_length", "stride", "pad_token_type_id"),
  ...all("neutral", "truncation_strategy", "pad_to_multiple_of", "model_input_names", "return_token_type_ids"),
  // Which class reads it, and from where; byte-level decoding puts the replacement character for errors.
  ...all("neutral", "tokenizer_class", "processor_class", "backend", "use_fast", "legacy", "verbose", "is_local"),
  ...all("neutral", "name_or_path", "special_tokens_map_file", "tokenizer_file", "vocab_file", "merges_file"),
  ...all("neutral", "local_files_only", "sp_model_kwargs", "errors", "trim_offsets", "response_schema"),
  ...all("neutral", "transformers_version", "spaces_between_special_tokens", "strip_accents", "tokenize_chinese_chars"),
  add_bos_token: unless(true, "config.json's bos_token_id says what goes before a prompt"),
  add_eos_token: unless(false, "nothing goes behind a prompt"),
  clean_up_tokenization_spaces: unless(false, "a text keeps its spaces"),
  split_special_tokens: unless(false, "special tokens in a text are tokens"),
  add_prefix_space: unless(prefixSpace(tokenizer), "tokenizer.json says whether a space goes before a text"),
  do_lower_case: {
    neutral: (value) =>
      value ===
      JSON.stringify(tokenizer["normalizer"] ?? null)
        .toLowerCase()
        .includes("lowercase"),
    lost: "tokenizer.json says what becomes of capitals",
  },
  added_tokens_decoder: {
    neutral: (value) => hasTokens(tokenizer, value),
    lost: "expected the tokens that tokenizer.json has by these ids",
  },
  auto_map: lost("code that comes with a model does not run"),
});

/** Whether a pre-tokenizer, or one of a sequence of them, puts a space before the text. */
function prefixSpace({ pre_tokenizer: found }: Json): boolean {
  const several = isObject(found) ? found["pretokenizers"] : undefined;
  const steps: readonly unknown[] = Array.isArray(several) ? several : [found];
  return steps.some(
    (step) => isObject(step) && (step["add_prefix_space"] === true || step["prepend_scheme"] === "always"),
  );
}

function hasTokens(tokenizer: Json, wanted: unknown): boolean {
  const list: readonly unknown[] = Array.isArray(tokenizer["added_tokens"]) ? tokenizer["added_tokens"] : [];
  const added = new Map(list.filter(isObject).map(({ id, content }) => [id, content]));
  const model = isObject(tokenizer["model"]) ? tokenizer["model"] : {};
  const vocabulary = isObject(model["vocab"]) ? model["vocab"] : {};
  return (
    isObject(wanted) &&
    Object.entries(wanted).every(([id, token]) => {
      const content = isObject(token) ? token["content"] : undefined;
      return typeof content === "string" && (added.get(Number(id)) === content || vocabulary[content] === Number(id));
    })
  );
}

const contentOf = (token: unknown): unknown => (isObject(token) ? token["content"] : token);

export interface TokenizerConfigs {
  readonly tokenizer: unknown;
  /** tokenizer_config.json and special_tokens_map.json, where the folder has them. */
  readonly config: unknown;
  readonly specialTokens: unknown;
}

/** The configuration that the tokenizer gets, with the special tokens that only the map names, and warnings. */
export function tokenizerConfig({ tokenizer, config, specialTokens }: TokenizerConfigs): {
  readonly config: unknown;
  readonly warnings: readonly string[];
} {
  const known = isObject(specialTokens) ? specialTokens : {};
  // What is no object is refused by its reader.
  if (config !== undefined && !isObject(config)) return { config, warnings: [] };
  const own = config ?? {};
  const missing = templateTokens.filter((name) => (own[name] ?? undefined) === undefined && known[name] !== undefined);
  const other = templateTokens.filter(
    (name) => !missing.includes(name) && known[name] !== undefined && contentOf(known[name]) !== contentOf(own[name]),
  );
  return {
    config:
      missing.length === 0 ? config : { ...own, ...Object.fromEntries(missing.map((name) => [name, known[name]])) },
    warnings: [
      ...keyWarnings("tokenizer_config.json", own, rules(isObject(tokenizer) ? tokenizer : {})),
      ...other.map((name) =>
        warning("special_tokens_map.json", name, contentOf(known[name]), "tokenizer_config.json names another"),
      ),
    ],
  };
}
