/** Any tokenizer.json as a Tokenizer, on @huggingface/tokenizers. */
import { DynamoError, type Tokenizer } from "@dynamo/core";
import { Tokenizer as Library } from "@huggingface/tokenizers";
import { applyTemplates, chatTemplates, type ApplyChatTemplate } from "./chat-template.js";
import { asObject, checkTokenizerJson, isObject } from "./files.js";
import { byteStream, windowStream, type Piece } from "./stream.js";

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

export interface LoadedTokenizer extends Tokenizer {
  tokenToId(token: string): number | undefined;
  /** The token's name as the vocabulary has it: byte-level tokens are in their alphabet. */
  idToToken(id: number): string | undefined;
  readonly specialIds: ReadonlySet<number>;
  /** Names of the model's chat templates: none, `default`, or several. */
  readonly chatTemplates: readonly string[];
  /** Renders messages as one prompt; throws `unsupported` when the model has no chat template. */
  readonly applyChatTemplate: ApplyChatTemplate;
}

/** Throws `invalid-file` for damaged files, `unsupported` for model types that the library does not have. */
export function loadTokenizer(files: TokenizerFiles): LoadedTokenizer {
  const { json, added, vocabularySize } = checkTokenizerJson(files.tokenizerJson);
  const config = asObject(files.tokenizerConfig ?? {}, "tokenizer_config.json");
  const library = construct(json, config);
  const templates = chatTemplates(config, files.chatTemplate, files.additionalChatTemplates);
  const specialIds = new Set(added.filter(({ special }) => special).map(({ id }) => id));
  const addedText = new Map(added.map(({ id, content }) => [id, content]));
  const isByteLevel = isObject(json["decoder"]) && json["decoder"]["type"] === "ByteLevel";
  const hasText = (id: number): boolean => !specialIds.has(id) && library.id_to_token(id) !== undefined;

  function decode(ids: ArrayLike<number>): string {
    const known = Array.from(ids).filter(hasText);
    return known.length === 0
      ? ""
      : library.decode(known, { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  }

  function pieceOf(id: number): Piece {
    if (!hasText(id)) return { kind: "none" };
    const text = addedText.get(id);
    return text === undefined ? { kind: "bytes", token: library.id_to_token(id) ?? "" } : { kind: "text", text };
  }

  return {
    vocabularySize,
    specialIds,
    encode: (text) => Int32Array.from(library.encode(text, { add_special_tokens: false }).ids),
    decode,
    stream: () => (isByteLevel ? byteStream(pieceOf) : windowStream(decode)),
    tokenToId: (token) => library.token_to_id(token),
    idToToken: (id) => library.id_to_token(id),
    chatTemplates: [...templates.keys()],
    applyChatTemplate: applyTemplates(config, templates),
  };
}

function construct(json: object, config: object): Library {
  try {
    // The library wants these properties to be there, if only as null; published files leave some out.
    return new Library(
      { added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...json },
      config,
    );
  } catch (cause) {
    throw new DynamoError(
      "invalid-file",
      `the tokenizer cannot be built: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}
