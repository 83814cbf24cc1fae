/** Any tokenizer.json as a Tokenizer: what Rust's tokenizers make of it, or a refusal that names what is not done. */
import type { Tokenizer } from "@dynamo/core";
import { checkOptions, checkValue, isPlainObject, required, text, valueCheck } from "@dynamo/core/options";
import { bpe } from "./bpe.js";
import { applyTemplates, chatTemplates, type ApplyChatTemplate } from "./chat-template.js";
import { readDecoder } from "./decoders.js";
import { anyId, decodingOf, type Decoding } from "./decoding.js";
import { encoderOf, normalizedContent, type Encode } from "./encoding.js";
import { asObject, checkTokenizerJson, type AddedToken, type TokenizerJson } from "./files.js";
import { leastTokens, type LeastTokens } from "./least-tokens.js";
import { vocabularyOf, type Model } from "./model.js";
import { readNormalizer, type Normalizer } from "./normalizers.js";
import { markerOf, type MarkSpecial } from "./marks.js";
import { checkPostProcessor } from "./post-processor.js";
import { readPreTokenizer } from "./pre-tokenizers.js";
import { settingsOf, type Translate } from "./settings.js";
import { unigram } from "./unigram.js";
import { wordLevel, wordPiece } from "./word-models.js";

/** A tokenizer's files. */
export interface TokenizerFiles {
  /** tokenizer.json, as text or parsed. */
  readonly tokenizerJson: unknown;
  /** tokenizer_config.json, likewise. */
  readonly tokenizerConfig?: unknown;
  /** chat_template.jinja; it goes before the config's. */
  readonly chatTemplate?: string;
  /** Texts of the files in additional_chat_templates, by their names without `.jinja`. */
  readonly additionalChatTemplates?: Readonly<Record<string, string>>;
}

/** A tokenizer from its files, with its chat template. */
export interface LoadedTokenizer extends Tokenizer, Pick<Decoding, "tokenBytes"> {
  /** Lone surrogates become the replacement character. Throws `invalid-file` for text that the model has no tokens for. */
  readonly encode: Encode;
  /**
   * Marks where a message's text spells a special token, for `applyChatTemplate` and then `encode` with the mark: what it spells
   * stays text. The template's own special tokens are recognised.
   */
  readonly markSpecial: MarkSpecial;
  tokenToId(token: string): number | undefined;
  /** The token's name as the vocabulary has it: byte-level tokens are in their alphabet. */
  idToToken(id: number): string | undefined;
  readonly specialIds: ReadonlySet<number>;
  /** Names of the model's chat templates: none, `default`, or several. */
  readonly chatTemplates: readonly string[];
  /** A lower bound of the tokens of a text, without encoding it; 0 where this tokenizer's have none. */
  leastTokens(text: string): number;
  /** Renders messages as one prompt; throws `unsupported` when the model has no chat template. */
  readonly applyChatTemplate: ApplyChatTemplate;
}

/** A tokenizer's files of which tokenizer.json has been read. */
export interface CheckedFiles {
  readonly files: TokenizerFiles;
  readonly checked: TokenizerJson;
}

/** Throws `invalid-argument` for what are no files, `invalid-file` for a damaged tokenizer.json. `where` names the function. */
export function checkFiles(where: string, files: TokenizerFiles): CheckedFiles {
  checkOptions<TokenizerFiles>(where, files, {
    tokenizerJson: required(valueCheck<string | object>("tokenizer.json's text, or what it holds", isFile)),
    tokenizerConfig: valueCheck<string | object>("tokenizer_config.json's text, or what it holds", isFile),
    chatTemplate: text,
    additionalChatTemplates: valueCheck<Readonly<Record<string, string>>>(
      "an object of templates by name",
      (templates) =>
        isPlainObject(templates) && Object.values(templates as object).every((each) => typeof each === "string"),
    ),
  });
  return { files, checked: checkTokenizerJson(files.tokenizerJson) };
}

/** Throws `invalid-file` for damaged files, `unsupported` for settings that are not done. */
export function makeTokenizer({ files, checked }: CheckedFiles, translate: Translate): LoadedTokenizer {
  const { json, ids, tokens, added, vocabularySize } = checked;
  const config = asObject(files.tokenizerConfig ?? {}, "tokenizer_config.json");
  checkPostProcessor(json["post_processor"]);
  const normalizer = readNormalizer(json["normalizer"], translate);
  const preTokenizer = readPreTokenizer(json["pre_tokenizer"], translate);
  const templates = chatTemplates(config, files.chatTemplate, files.additionalChatTemplates);
  const specialIds = new Set(added.filter(({ special }) => special).map(({ id }) => id));
  const addedIds = new Map(added.map(({ content, id }) => [content, id]));
  const addedById = new Map(added.map((token) => [token.id, token]));
  const encode = encoderOf({ added, normalizer, preTokenizer, model: readModel(checked) });
  const special = added.filter((token) => token.special);
  const normalizes = normalizer !== undefined && special.some(({ normalized }) => normalized);
  let least: LeastTokens | undefined;
  return {
    vocabularySize,
    specialIds,
    encode,
    leastTokens(given) {
      checkValue("text", given, text);
      return (least ??= leastTokens(checked))(given);
    },
    markSpecial: markerOf(
      special,
      (text, mark) => normalizes && encode(text, { mark }).some((id) => specialIds.has(id)),
    ),
    ...decodingOf(readDecoder(json["decoder"], translate), tokenReader(checked, addedById, normalizer)),
    tokenToId(token) {
      checkValue("token", token, text);
      return addedIds.get(token) ?? ids.get(token);
    },
    idToToken(id) {
      checkValue("a token id", id, anyId);
      return addedById.get(id)?.content ?? tokens[id];
    },
    chatTemplates: [...templates.keys()],
    applyChatTemplate: applyTemplates(config, templates),
  };
}

const isFile = (content: unknown): boolean =>
  typeof content === "string" || (typeof content === "object" && content !== null);

/** What decoders are given: of added tokens that are searched for in normalised text, that text. */
function tokenReader(
  { tokens }: TokenizerJson,
  added: ReadonlyMap<number, AddedToken>,
  normalizer: Normalizer | undefined,
): (id: number) => string | undefined {
  const contents = new Map(Array.from(added, ([id, token]) => [id, normalizedContent(token, normalizer)]));
  return (id) => (added.get(id)?.special === true ? undefined : (contents.get(id) ?? tokens[id]));
}

function readModel({ model, modelType, ids, tokens }: TokenizerJson): Model {
  const settings = settingsOf({ ...model, type: modelType }, "model");
  const vocabulary = vocabularyOf(ids, settings.place);
  switch (modelType) {
    case "BPE":
      return bpe(settings, vocabulary);
    case "WordLevel":
      return wordLevel(settings, vocabulary);
    case "WordPiece":
      return wordPiece(
        settings,
        vocabulary,
        tokens.reduce((most, token = "") => Math.max(most, token.length), 0),
      );
    case "Unigram":
      return unigram(settings, vocabulary, model["vocab"] as readonly (readonly [string, number])[]);
  }
}
