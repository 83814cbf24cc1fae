/** A LanguageModel over a runtime session that runs the graph of graph.ts. */
import {
  DynamoError,
  tensor,
  throwIfAborted,
  type CacheOptions,
  type Feed,
  type ForwardOptions,
  type ForwardResult,
  type KvCache,
  type LanguageModel,
  type ModelInfo,
  type Session,
  type SessionCache,
  type Tensor,
} from "@dynamo/core";
import { checkOptions, describeValue, required, whole, type OptionChecks } from "@dynamo/core/options";
import { rollback } from "./cache-tensors.js";
import type { ConditionalParts } from "../conditional/conditional-parts.js";
import { candidatesOf, gatherLogits, type Round } from "./candidates.js";
import { conditionalStates } from "./conditional-output.js";
import { longContextName } from "./long-context.js";

/**
 * New positions a forward pass takes at most: longer prompts run in pieces, because a pass holds a score for every pair of
 * a new position and a visible one.
 */
export const prefillChunk = 256;

/**
 * Candidates that a head with a conditional part lists at least: the tokens between move some of them up, and what is not listed is missing in
 * texts (docs/decisions/0021-conditional-parts.md).
 */
const conditionalCandidates = 128;

export interface SessionModelParts extends Pick<LanguageModel, "info" | "tokenizer" | "cooccurrence"> {
  readonly session: Session;
  /** Positions that every tensor of the cache has room for; Infinity where none is a ring. */
  readonly room: number;
  /** Caches of more positions hold long texts, which the model rotates otherwise; undefined where it does not. */
  readonly shortLength: number | undefined;
  /** What the heads know of the tokens between, beside the graph; undefined for heads that do not. */
  readonly conditional: ConditionalParts | undefined;
  /** Makes the memory of a cache of so many rows. */
  readonly createMemory: (rows: number, maxLength: number) => Promise<SessionCache>;
}

interface OwnCache extends KvCache {
  readonly lengths: number[];
  /**
   * Positions that were written of each row at most, since it was empty, by passes that were stopped midway too: rings have written over
   * what lies further back.
   */
  readonly most: number[];
  readonly maxLength: number;
  /** Whether its texts are rotated as long ones; undefined where that makes no difference. */
  readonly isLong: boolean | undefined;
  readonly memory: SessionCache;
}

const cacheChecks: OptionChecks<CacheOptions> = { rows: required(whole(1)), maxLength: whole(1) };

export function sessionModel({
  info,
  tokenizer,
  cooccurrence,
  session,
  room,
  shortLength,
  conditional,
  createMemory,
}: SessionModelParts): LanguageModel {
  const caches = new WeakSet<KvCache>();
  const isLong = (maxLength: number): boolean | undefined =>
    shortLength === undefined ? undefined : maxLength > shortLength;
  const find = (cache: KvCache): OwnCache => {
    if (!caches.has(cache)) throw new DynamoError("invalid-argument", "this cache belongs to another model");
    return cache as OwnCache;
  };
  return {
    info,
    tokenizer,
    cooccurrence,
    async createCache(options) {
      checkOptions("createCache()", options, cacheChecks);
      const { rows, maxLength = info.contextLength } = options;
      const most = Math.min(maxLength, info.contextLength);
      const kind = { maxLength: most, isLong: isLong(most) };
      const cache = kvCache({ rows, ...kind, room, memory: await createMemory(rows, most) }, find);
      caches.add(cache);
      return cache;
    },
    async forward(cache, feeds, options) {
      const own = find(cache);
      checkFeeds(own, feeds, options, info);
      checkBetween(feeds, info);
      for (const row of feeds.keys()) checkWhole(own, row);
      const result = await run({ session, info, conditional }, own, feeds, options);
      for (const [row, feed] of feeds.entries()) own.lengths[row] = (own.lengths[row] as number) + feed.tokens.length;
      return result;
    },
    dispose: () => session.dispose(),
  };
}

interface CacheParts extends Pick<SessionModelParts, "room">, Pick<OwnCache, "maxLength" | "isLong" | "memory"> {
  readonly rows: number;
}

function kvCache({ rows, room, ...parts }: CacheParts, find: (cache: KvCache) => OwnCache): OwnCache {
  const { memory } = parts;
  const lengths = new Array<number>(rows).fill(0);
  const most = new Array<number>(rows).fill(0);
  const own: OwnCache = {
    lengths,
    most,
    ...parts,
    reachable(row, length) {
      checkPrefix(own, row, length);
      const held = most[row] as number;
      return held <= room || length >= held - rollback ? length : 0;
    },
    truncate(row, length) {
      checkReachable(own, row, length);
      lengths[row] = length;
      if (length === 0) most[row] = 0;
    },
    async copyRow(from, to, length, source = own) {
      const given = find(source);
      checkAlike(given, own);
      if (length !== undefined) checkReachable(given, from, length);
      const copied = length ?? lengthOf(given, from);
      lengthOf(own, to);
      if (given !== own || from !== to) await memory.copyRow(from, to, copied, given.memory);
      lengths[to] = copied;
      most[to] = copied === 0 ? 0 : (given.most[from] as number);
    },
    trim: () => memory.trim(Math.max(...lengths)),
    dispose: () => memory.dispose(),
  };
  return own;
}

function checkReachable(cache: OwnCache, row: number, length: number): void {
  if (cache.reachable(row, length) === length) return;
  throw new DynamoError(
    "invalid-argument",
    `row ${row} has held ${cache.most[row] ?? 0} positions and can go back by ${rollback} or to 0, received ${length}`,
  );
}

/** A pass over a long feed that fails midway leaves the row's length as it was; a ring may have lost what belongs to that length. */
function checkWhole(cache: OwnCache, row: number): void {
  const length = cache.lengths[row] as number;
  if (cache.reachable(row, length) === length) return;
  throw new DynamoError(
    "invalid-argument",
    `row ${row} has lost what its window shows to a pass that was stopped: expected it to be truncated to 0 first`,
  );
}

/** Keys of long texts are rotated otherwise: they cannot stand in for those of short ones. */
function checkAlike(source: OwnCache, target: OwnCache): void {
  if (source.isLong === target.isLong) return;
  throw new DynamoError(
    "invalid-argument",
    `this model rotates long texts otherwise: a row of a cache for ${source.maxLength} positions does not fit one for ${target.maxLength}`,
  );
}

function lengthOf({ lengths }: OwnCache, row: number): number {
  if (Number.isInteger(row) && row >= 0 && row < lengths.length) return lengths[row] as number;
  throw new DynamoError(
    "invalid-argument",
    `the cache has rows 0 to ${lengths.length - 1}, received ${describeValue(row)}`,
  );
}

function checkPrefix(cache: OwnCache, row: number, length: number): void {
  const held = lengthOf(cache, row);
  if (Number.isInteger(length) && length >= 0 && length <= held) return;
  throw new DynamoError("invalid-argument", `row ${row} holds ${held} positions, received ${describeValue(length)}`);
}

function checkFeeds(
  cache: OwnCache,
  feeds: readonly Feed[],
  options: ForwardOptions,
  { vocabularySize, contextLength }: ModelInfo,
): void {
  if (feeds.length < 1 || feeds.length > cache.lengths.length) {
    throw new DynamoError(
      "invalid-argument",
      `a pass takes 1 to ${cache.lengths.length} rows, received ${feeds.length}`,
    );
  }
  if (!Number.isInteger(options.topK) || options.topK < 1) {
    throw new DynamoError(
      "invalid-argument",
      `topK must be a whole number of at least 1, received ${describeValue(options.topK)}`,
    );
  }
  for (const [row, { tokens, positions = 1 }] of feeds.entries()) {
    const length = cache.lengths[row] as number;
    if (tokens.length < 1)
      throw new DynamoError("invalid-argument", `row ${row} feeds no token: at least one is needed`);
    if (length + tokens.length > cache.maxLength) {
      const what = cache.maxLength === contextLength ? "the context" : "this cache";
      throw new DynamoError(
        "invalid-argument",
        `${what} holds ${cache.maxLength} tokens, row ${row} would need ${length + tokens.length}`,
      );
    }
    if (!Number.isInteger(positions) || positions < 1 || positions > tokens.length) {
      throw new DynamoError(
        "invalid-argument",
        `row ${row} feeds ${tokens.length} tokens and cannot return ${positions} positions`,
      );
    }
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i] as number;
      if (!Number.isInteger(token) || token < 0 || token >= vocabularySize) {
        throw new DynamoError(
          "invalid-argument",
          `token ids run from 0 to ${vocabularySize - 1}, received ${describeValue(token)}`,
        );
      }
    }
  }
}

/** Tokens between make no difference to a model whose heads do not look at them. */
function checkBetween(feeds: readonly Feed[], { vocabularySize, tokenHeads, conditionalHeads }: ModelInfo): void {
  for (const [row, { between, positions = 1 }] of feeds.entries()) {
    if (between === undefined) continue;
    if (conditionalHeads !== true)
      throw new DynamoError("invalid-argument", "between: expected a model with conditional heads, this one has none");
    const isToken = (token: number): boolean => Number.isInteger(token) && token >= -1 && token < vocabularySize;
    const isRight = (given: ArrayLike<number>): boolean =>
      given.length < tokenHeads && Array.from(given).every(isToken);
    if (!Array.isArray(between) || between.length !== positions || !between.every(isRight))
      throw new DynamoError(
        "invalid-argument",
        `between: expected for each of the ${positions} positions of row ${row} at most ${tokenHeads - 1} token ids from 0 to ${vocabularySize - 1}, or -1`,
      );
  }
}

interface Planned extends Omit<Round, "outputs"> {
  readonly start: number;
  /** Of each row's new positions those that are no padding. */
  readonly counts: readonly number[];
}

type Graph = Pick<SessionModelParts, "session" | "info" | "conditional">;

const flag = (value: boolean): Tensor<"bool"> => tensor("bool", [], Uint8Array.of(value ? 1 : 0));

async function run(
  { session, info: { vocabularySize, tokenHeads, conditionalHeads }, conditional }: Graph,
  cache: OwnCache,
  feeds: readonly Feed[],
  options: ForwardOptions,
): Promise<ForwardResult> {
  const longest = Math.max(...feeds.map(({ tokens }) => tokens.length));
  const allHeads = options.heads > 1;
  const parts = allHeads ? conditional : undefined;
  const topK = Math.min(options.topK, vocabularySize);
  const returned = parts === undefined ? topK : Math.min(vocabularySize, Math.max(topK, conditionalCandidates));
  const outputs = [
    ...["top_ids", "top_logits", "log_sum_exp"],
    ...(options.logits === true ? ["logits"] : []),
    ...(parts !== undefined && parts.sizes.between > 0 ? [conditionalStates] : []),
  ];
  const rounds: Round[] = [];
  for (let start = 0; start < longest; start += prefillChunk) {
    throwIfAborted(options.signal);
    const round = planRound(cache, feeds, start, Math.min(longest, start + prefillChunk));
    const results = await session.run(
      {
        tokens: tensor("int32", [feeds.length, round.newPositions], round.tokens),
        lengths: tensor("int32", [feeds.length], Int32Array.from(round.lengths)),
        positions: tensor("int32", [feeds.length, round.width], round.positions),
        top_k: tensor("int32", [1], Int32Array.of(returned)),
        ...(conditionalHeads === true ? { between: betweenOf(feeds, round, tokenHeads - 1) } : {}),
        ...(cache.isLong === undefined ? {} : { [longContextName]: flag(cache.isLong) }),
        ...(tokenHeads > 1 ? { all_heads: flag(allHeads) } : {}),
      },
      outputs,
      { cache: cache.memory, lengths: round.lengths, newPositions: round.newPositions, counts: round.counts },
    );
    rounds.push({ ...round, outputs: results });
    for (const [row, length] of round.lengths.entries())
      cache.most[row] = Math.max(cache.most[row] as number, length + (round.counts[row] as number));
  }
  const computed = allHeads ? tokenHeads : 1;
  const heads = Math.min(options.heads, computed);
  return {
    candidates: candidatesOf(rounds, feeds, { heads, computed, topK, parts }),
    logits: options.logits === true ? gatherLogits(rounds, feeds, heads, computed, vocabularySize) : undefined,
  };
}

/** Which tokens are given behind each wanted position, [rows, width, most]; -1 for the likeliest. */
function betweenOf(feeds: readonly Feed[], { width, positions, start }: Planned, most: number): Tensor<"int32"> {
  const values = new Int32Array(feeds.length * width * most).fill(-1);
  for (const [row, { tokens, positions: asked = 1, between = [] }] of feeds.entries()) {
    for (let i = 0; i < width; i++) {
      const place = start + (positions[row * width + i] as number) - (tokens.length - asked);
      const given = Array.from(between[place] ?? []).slice(0, most);
      values.set(given, (row * width + i) * most);
    }
  }
  return tensor("int32", [feeds.length, width, most], values);
}

/** The part [start, end) of every row's tokens, right-padded, and which of its positions are wanted. */
function planRound(cache: OwnCache, feeds: readonly Feed[], start: number, end: number): Planned {
  const newPositions = end - start;
  const spans = feeds.map(({ tokens, positions = 1 }) => {
    const stop = Math.max(start, Math.min(end, tokens.length));
    const first = Math.max(start, tokens.length - positions);
    return { count: stop - start, first: first - start, wanted: Math.max(0, stop - first) };
  });
  const width = Math.max(1, ...spans.map(({ wanted }) => wanted));
  const tokens = new Int32Array(feeds.length * newPositions);
  const positions = new Int32Array(feeds.length * width);
  for (const [row, { count, first, wanted }] of spans.entries()) {
    for (let i = 0; i < count; i++) tokens[row * newPositions + i] = feeds[row]?.tokens[start + i] as number;
    for (let i = 0; i < wanted; i++) positions[row * width + i] = first + i;
  }
  const lengths = feeds.map((feed, row) => (cache.lengths[row] as number) + Math.min(start, feed.tokens.length));
  const [counts, wanted] = [spans.map(({ count }) => count), spans.map((span) => span.wanted)];
  return { start, newPositions, width, tokens, positions, lengths, counts, wanted };
}
