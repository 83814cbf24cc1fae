/** The files of a byte-level BPE: tokenizer.json, and tokenizer_config.json as Pythia has it. */
import { checkOptions, text, whole, type OptionChecks } from "@dynamo/core/options";

/** A tokenizer.json of this kind. */
export interface BpeTokenizerJson {
  readonly version: "1.0";
  readonly added_tokens: readonly { readonly id: number; readonly content: string; readonly special: boolean }[];
  readonly model: {
    readonly type: "BPE";
    /** Tokens and their ids. It may hold fewer than were asked for: see `BpeTrainer.finish`. */
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly string[];
  };
}

/** `tokens` by id, the special ones first; `merges` as "left right". */
export function tokenizerJson(
  specialTokens: readonly string[],
  tokens: readonly string[],
  merges: readonly string[],
): BpeTokenizerJson {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  const added = specialTokens.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const model = {
    type: "BPE",
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges,
  } as const;
  const json = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model,
  } as const;
  return json;
}

/** Options of tokenizer_config.json. */
export interface TokenizerConfigOptions {
  /** Begins, ends and separates texts; default `<|endoftext|>`. */
  readonly end?: string;
  /** Tokens that the model reads at most, as `model_max_length`; left out by default. */
  readonly contextLength?: number;
}

const configChecks: OptionChecks<TokenizerConfigOptions> = { end: text, contextLength: whole(1) };

/** tokenizer_config.json for such a tokenizer. */
export function tokenizerConfig(options: TokenizerConfigOptions = {}): object {
  checkOptions("tokenizerConfig()", options, configChecks);
  const { end = "<|endoftext|>", contextLength } = options;
  return {
    tokenizer_class: "GPTNeoXTokenizer",
    add_prefix_space: false,
    bos_token: end,
    eos_token: end,
    unk_token: end,
    ...(contextLength === undefined ? {} : { model_max_length: contextLength }),
  };
}
