/** dataset.json: what a dataset folder holds. Folders come from anywhere, so that reading trusts nothing in it. */
import { DynamoError } from "@dynamo/core";
import { isPlainObject, valueCheck } from "@dynamo/core/options";
import { splits, type Split } from "./split.js";

/** A file of tokens, with its hash. */
export interface Shard {
  /** Relative to the folder. */
  readonly file: string;
  readonly tokens: number;
  readonly sha256: string;
  /** Of the file beside it that says which tokens are answers; in chat datasets only. */
  readonly countedSha256?: string;
}

/** A dataset of conversations: rows of one length, each with whole conversations and padding behind them. */
export interface ChatLayout {
  /** Tokens of a row. */
  readonly rowTokens: number;
  /** Token ids that end answers: a tuned model's text ends with each. Older datasets do not say. */
  readonly answerEnds?: readonly number[];
}

/** Templates have one or two. */
const maxAnswerEnds = 64;

/** What is in one split of a source. */
export interface SplitSummary {
  readonly documents: number;
  /** Documents' first tokens (end-of-text) included. */
  readonly tokens: number;
  /** UTF-8 bytes of the documents. */
  readonly bytes: number;
  readonly shards: readonly Shard[];
}

/** What is in a dataset of one source. */
export interface SourceSummary extends Readonly<Record<Split, SplitSummary>> {
  readonly name: string;
  /** Its part of a mixture; absent when sources are drawn by their sizes. */
  readonly weight?: number;
}

/** How tokens are stored: little-endian, two bytes when every id fits. */
export type TokenDType = "uint16" | "uint32";

/** What a dataset's manifest says. */
export interface DatasetManifest {
  readonly format: typeof manifestFormat;
  readonly version: typeof manifestVersion;
  readonly tokenizer: {
    /** Of the folder's tokenizer.json. */
    readonly sha256: string;
    readonly vocabularySize: number;
    readonly endOfText: number;
  };
  readonly dtype: TokenDType;
  readonly heldOutFraction: number;
  readonly chat?: ChatLayout;
  readonly sources: readonly SourceSummary[];
}

export const manifestName = "dataset.json";
export const manifestFormat = "dynamo-dataset";
export const manifestVersion = 1;

/** Some 150 bytes a shard: 2^17 shards, far beyond any corpus that one machine trains on. */
export const maxManifestBytes = 2 ** 24;
/** 2^24 tokens: far beyond any tokenizer. */
export const maxVocabulary = 2 ** 24;
/** Mixtures have tens of sources. */
export const maxSources = 1024;
/** Each is an open file while it is read; 2^12 default shards are 2.7e11 tokens. */
export const maxShards = 2 ** 12;
/** A question and an answer of a token each, with what the shortest template puts around them. */
export const minRowTokens = 8;
/** Longer than any context. */
export const maxRowTokens = 2 ** 24;
/** 2^32 tokens are a file of 8 GiB at least. */
export const maxShardTokens = 2 ** 32;

/** Source names are folder names, and no file of the dataset's folder has one. */
export const isSourceName = (name: unknown): name is string =>
  typeof name === "string" && /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name);

export const bytesPerToken = (dtype: TokenDType): number => (dtype === "uint16" ? 2 : 4);
export const dtypeFor = (vocabularySize: number): TokenDType => (vocabularySize <= 2 ** 16 ? "uint16" : "uint32");
export const shardPath = (source: string, split: Split, index: number): string =>
  `${source}/${split}-${String(index).padStart(5, "0")}.bin`;

/** One byte a token of the shard: 1 where it is a target, 0 where it is only read. */
export const countedPath = (source: string, split: Split, index: number): string =>
  shardPath(source, split, index).replace(/bin$/, "counted.bin");

/** Throws `invalid-file` for anything but a well-formed manifest, `unsupported` for another version's. */
export function parseManifest(text: string): DatasetManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new DynamoError("invalid-file", `${manifestName} is not JSON`, { cause });
  }
  const fields = objectIn(json, "the manifest");
  if (fields["format"] !== manifestFormat)
    fail(`format: expected "${manifestFormat}", received ${shown(fields["format"])}`);
  if (fields["version"] !== manifestVersion) {
    const received = shown(fields["version"]);
    throw new DynamoError("unsupported", `${manifestName}: expected version ${manifestVersion}, received ${received}`);
  }
  const tokenizer = readTokenizer(fields["tokenizer"]);
  const dtype = dtypeFor(tokenizer.vocabularySize);
  if (fields["dtype"] !== dtype) fail(`dtype: expected "${dtype}", received ${shown(fields["dtype"])}`);
  const chat = fields["chat"] === undefined ? undefined : readChat(fields["chat"], tokenizer.vocabularySize);
  const sources = listIn(fields["sources"], "sources", maxSources).map((source, i) => readSource(source, i, chat));
  if (sources.length === 0) fail("sources: expected at least one");
  if (new Set(sources.map(({ name }) => name)).size < sources.length) fail("sources: two have the same name");
  if (new Set(sources.map(({ weight }) => weight === undefined)).size > 1)
    fail("sources: expected weights of all or none");
  const { heldOutFraction } = fields;
  if (typeof heldOutFraction !== "number" || heldOutFraction < 0 || heldOutFraction >= 1)
    fail(`heldOutFraction: expected a number from 0 to below 1, received ${shown(heldOutFraction)}`);
  const layout = chat === undefined ? {} : { chat };
  return { format: manifestFormat, version: manifestVersion, tokenizer, dtype, heldOutFraction, ...layout, sources };
}

/** A manifest that a caller hands over. */
export const manifestCheck = valueCheck<DatasetManifest>("a dataset's manifest, as openDataset() reads it", (value) => {
  if (isPlainObject(value)) parseManifest(JSON.stringify(value));
  return isPlainObject(value);
});

function readChat(value: unknown, vocabularySize: number): ChatLayout {
  const { rowTokens, answerEnds } = objectIn(value, "chat");
  const rows = { rowTokens: wholeIn(rowTokens, "chat.rowTokens", minRowTokens, maxRowTokens) };
  if (answerEnds === undefined) return rows;
  const ends = listIn(answerEnds, "chat.answerEnds", maxAnswerEnds);
  return { ...rows, answerEnds: ends.map((id, i) => wholeIn(id, `chat.answerEnds[${i}]`, 0, vocabularySize - 1)) };
}

type Fields = Readonly<Record<string, unknown>>;

function readTokenizer(value: unknown): DatasetManifest["tokenizer"] {
  const fields = objectIn(value, "tokenizer");
  const vocabularySize = wholeIn(fields["vocabularySize"], "tokenizer.vocabularySize", 1, maxVocabulary);
  return {
    sha256: digestIn(fields["sha256"], "tokenizer.sha256"),
    vocabularySize,
    endOfText: wholeIn(fields["endOfText"], "tokenizer.endOfText", 0, vocabularySize - 1),
  };
}

function readSource(value: unknown, i: number, chat: ChatLayout | undefined): SourceSummary {
  const where = `sources[${i}]`;
  const fields = objectIn(value, where);
  const { name, weight } = fields;
  if (!isSourceName(name)) fail(`${where}.name: expected letters, digits, - and _, received ${shown(name)}`);
  if (weight !== undefined && (typeof weight !== "number" || !Number.isFinite(weight) || weight <= 0))
    fail(`${where}.weight: expected a number above 0, received ${shown(weight)}`);
  const [train, heldOut] = splits.map((split) => readSplit(fields[split], `${where}.${split}`, { name, split, chat }));
  return {
    name,
    ...(weight === undefined ? {} : { weight }),
    train: train as SplitSummary,
    "held-out": heldOut as SplitSummary,
  };
}

interface SplitPlace {
  readonly name: string;
  readonly split: Split;
  readonly chat: ChatLayout | undefined;
}

function readSplit(value: unknown, where: string, { name: source, split, chat }: SplitPlace): SplitSummary {
  const fields = objectIn(value, where);
  const shards = listIn(fields["shards"], `${where}.shards`, maxShards).map((entry, i): Shard => {
    const at = `${where}.shards[${i}]`;
    const shard = objectIn(entry, at);
    // Files go by the one name that they can have: no path out of the folder, no file twice.
    const file = shardPath(source, split, i);
    if (shard["file"] !== file) fail(`${at}.file: expected "${file}", received ${shown(shard["file"])}`);
    const tokens = wholeIn(shard["tokens"], `${at}.tokens`, 1, maxShardTokens);
    const sha256 = digestIn(shard["sha256"], `${at}.sha256`);
    if (chat === undefined) return { file, tokens, sha256 };
    return { file, tokens, sha256, countedSha256: digestIn(shard["countedSha256"], `${at}.countedSha256`) };
  });
  const tokens = shards.reduce((sum, shard) => sum + shard.tokens, 0);
  if (fields["tokens"] !== tokens)
    fail(`${where}.tokens: its shards have ${tokens}, received ${shown(fields["tokens"])}`);
  if (chat !== undefined && tokens % chat.rowTokens !== 0)
    fail(`${where}.tokens: expected whole rows of ${chat.rowTokens}, received ${tokens}`);
  const count = (name: string): number => wholeIn(fields[name], `${where}.${name}`, 0, Number.MAX_SAFE_INTEGER);
  return { documents: count("documents"), tokens, bytes: count("bytes"), shards };
}

function fail(message: string): never {
  throw new DynamoError("invalid-file", `${manifestName}: ${message}`);
}

const shown = (value: unknown): string => (JSON.stringify(value) as string | undefined)?.slice(0, 50) ?? "nothing";

function objectIn(value: unknown, where: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail(`${where}: expected an object`);
  return value as Fields;
}

function listIn(value: unknown, where: string, most: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > most) fail(`${where}: expected a list of at most ${most}`);
  return value;
}

function wholeIn(value: unknown, where: string, least: number, most: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most)
    fail(`${where}: expected a whole number from ${least} to ${most}, received ${shown(value)}`);
  return value as number;
}

function digestIn(value: unknown, where: string): string {
  if (typeof value !== "string" || !/^[0-9a-f]{64}$/.test(value)) fail(`${where}: expected a SHA-256 in hexadecimal`);
  return value;
}
