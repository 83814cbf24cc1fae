/** Checks of tokenizer files, which come from outside, before a library reads them. */
import { DynamoError } from "@dynamo/core";

/** The largest published vocabulary has about 260,000 tokens. */
const maxVocabulary = 2 ** 24;
/** Chat templates are a few kB. */
export const maxTemplateCharacters = 2 ** 20;

const models = ["BPE", "WordPiece", "Unigram"];

export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

export interface TokenizerJson {
  readonly json: Json;
  readonly added: readonly AddedToken[];
  /** Highest id + 1. */
  readonly vocabularySize: number;
}

function fail(message: string): never {
  throw new DynamoError("invalid-file", `tokenizer.json: ${message}`);
}

/** A file's content as text or as parsed JSON. */
export function asObject(content: unknown, name: string): Json {
  let json = content;
  if (typeof content === "string") {
    try {
      json = JSON.parse(content);
    } catch (cause) {
      throw new DynamoError("invalid-file", `${name} is not JSON`, { cause });
    }
  }
  if (!isObject(json)) throw new DynamoError("invalid-file", `${name}: expected an object`);
  return json;
}

/** Throws `invalid-file` for damaged files and `unsupported` for unknown model types. */
export function checkTokenizerJson(content: unknown): TokenizerJson {
  const json = asObject(content, "tokenizer.json");
  const { model } = json;
  if (!isObject(model)) fail("expected a model");
  const type: unknown = model["type"] ?? "BPE";
  if (typeof type !== "string" || !models.includes(type)) {
    throw new DynamoError(
      "unsupported",
      `tokenizer.json: expected a model of type ${models.join(", ")}, received ${JSON.stringify(type).slice(0, 50)}`,
    );
  }
  const added = addedTokens(json["added_tokens"]);
  const highest = added.reduce((most, { id }) => Math.max(most, id), highestId(model));
  return { json, added, vocabularySize: highest + 1 };
}

const isId = (id: unknown): id is number =>
  Number.isInteger(id) && (id as number) >= 0 && (id as number) < maxVocabulary;

function highestId({ vocab, type, merges }: Json): number {
  if (type === "Unigram") {
    if (
      !Array.isArray(vocab) ||
      !vocab.every((entry) => Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[1] === "number")
    ) {
      fail("a Unigram vocabulary lists [token, score] pairs");
    }
    return vocab.length - 1;
  }
  if (!isObject(vocab)) fail("the vocabulary maps tokens to ids");
  if ((type ?? "BPE") === "BPE" && !Array.isArray(merges)) fail("a BPE model lists its merges");
  let highest = -1;
  for (const [token, id] of Object.entries(vocab)) {
    if (!isId(id))
      fail(
        `token ${JSON.stringify(token.slice(0, 50))} has id ${JSON.stringify(id).slice(0, 50)}, expected 0 to ${maxVocabulary - 1}`,
      );
    highest = Math.max(highest, id);
  }
  return highest;
}

function addedTokens(value: unknown): AddedToken[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) fail("added_tokens must be a list");
  return value.map((token: unknown) => {
    if (!isObject(token) || typeof token["content"] !== "string" || !isId(token["id"]))
      fail("an added token has an id and a content");
    return { id: token["id"], content: token["content"], special: token["special"] === true };
  });
}
