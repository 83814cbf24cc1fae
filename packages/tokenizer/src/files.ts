/** Checks of tokenizer files, which come from outside, before a library reads them. */
import { DynamoError } from "@dynamo/core";
import { describeValue } from "@dynamo/core/options";

/** The largest published vocabulary has about 260,000 tokens. */
const maxVocabulary = 2 ** 24;
/** Chat templates are a few kB. */
export const maxTemplateCharacters = 2 ** 20;

const models = ["BPE", "WordPiece", "WordLevel", "Unigram"] as const;
export type ModelType = (typeof models)[number];

export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Left out of decoded text. */
  readonly special: boolean;
  /** Found only where no letter or digit stands beside it. */
  readonly singleWord: boolean;
  /** White space on its left belongs to it. */
  readonly stripsLeft: boolean;
  readonly stripsRight: boolean;
  /** Searched for in the normalised text. */
  readonly normalized: boolean;
}

export interface TokenizerJson {
  readonly json: Json;
  readonly model: Json;
  readonly modelType: ModelType;
  /** Of the model; added tokens are not in it. */
  readonly ids: ReadonlyMap<string, number>;
  /** The model's tokens by their ids; there may be holes. */
  readonly tokens: readonly (string | undefined)[];
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
  const { model, version } = json;
  if (!isObject(model)) fail(`expected a model, received ${describeValue(model)}`);
  if (version !== undefined && version !== "1.0") unsupported("version", '"1.0"', version);
  const modelType = modelTypeOf(model);
  const { ids, tokens } = modelType === "Unigram" ? listed(model["vocab"]) : mapped(model["vocab"]);
  const added = addedTokens(json["added_tokens"]);
  checkAdded(added, ids, tokens);
  const highest = added.reduce((most, { id }) => Math.max(most, id), tokens.length - 1);
  return { json, model, modelType, ids, tokens, added, vocabularySize: highest + 1 };
}

function unsupported(what: string, expected: string, received: unknown): never {
  throw new DynamoError(
    "unsupported",
    `tokenizer.json: ${what}: expected ${expected}, received ${describeValue(received)}`,
  );
}

/** Older files do not say it; what they have does. */
function modelTypeOf({ type, vocab, merges, max_input_chars_per_word: most }: Json): ModelType {
  const known = models.find((each) => each === type);
  if (known !== undefined) return known;
  if (type !== undefined) unsupported("model.type", models.join(", "), type);
  if (merges !== undefined) return "BPE";
  if (Array.isArray(vocab)) return "Unigram";
  return most === undefined ? "WordLevel" : "WordPiece";
}

const isId = (id: unknown): id is number =>
  Number.isInteger(id) && (id as number) >= 0 && (id as number) < maxVocabulary;

type Vocabulary = Pick<TokenizerJson, "ids" | "tokens">;

/** Unigram's vocabulary: a token's place is its id. */
function listed(vocab: unknown): Vocabulary {
  if (
    !Array.isArray(vocab) ||
    !Array.from(vocab).every(
      (entry: unknown) => Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[1] === "number",
    )
  )
    fail("a Unigram vocabulary lists [token, score] pairs");
  const tokens = (vocab as readonly [string, number][]).map(([token]) => token);
  return { tokens, ids: new Map(tokens.map((token, id) => [token, id])) };
}

function mapped(vocab: unknown): Vocabulary {
  if (!isObject(vocab)) fail("the vocabulary maps tokens to ids");
  const ids = new Map<string, number>();
  const tokens: (string | undefined)[] = [];
  for (const [token, id] of Object.entries(vocab)) {
    if (!isId(id))
      fail(`token ${describeValue(token)} has id ${describeValue(id)}, expected 0 to ${maxVocabulary - 1}`);
    ids.set(token, id);
    tokens[id] = token;
  }
  return { ids, tokens };
}

function addedTokens(value: unknown): AddedToken[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) fail("added_tokens must be a list");
  return Array.from(value, (token: unknown) => {
    if (!isObject(token) || typeof token["content"] !== "string" || !isId(token["id"]))
      fail("an added token has an id and a content");
    const special = token["special"] === true;
    return {
      id: token["id"],
      content: token["content"],
      special,
      singleWord: token["single_word"] === true,
      stripsLeft: token["lstrip"] === true,
      stripsRight: token["rstrip"] === true,
      normalized: (token["normalized"] ?? !special) === true,
    };
  });
}

/** An id means one token, and a token has one id: readers that take the list's or the vocabulary's word would differ. */
function checkAdded(added: readonly AddedToken[], ids: Vocabulary["ids"], tokens: Vocabulary["tokens"]): void {
  const contents = new Map<number, string>();
  for (const { id, content } of added) {
    const own = ids.get(content);
    const other = contents.get(id) ?? tokens[id];
    if (own !== undefined && own !== id)
      fail(`added token ${describeValue(content)} has id ${id}, and ${own} in the vocabulary`);
    if (other !== undefined && other !== content)
      fail(`added token ${describeValue(content)} has the id of ${describeValue(other)}: ${id}`);
    contents.set(id, content);
  }
}
