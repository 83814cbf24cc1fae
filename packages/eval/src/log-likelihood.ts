/** Log-likelihoods of continuations, as lm-evaluation-harness scores them: head 1, teacher-forced, several at once. */
import {
  abortSignal,
  checkOptions,
  checkValue,
  languageModel,
  listOf,
  isPlainObject,
  text,
  valueCheck,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import { DynamoError, throwIfAborted, type KvCache, type LanguageModel } from "@dynamo/core";

/** A text and what may follow it. */
export interface Continuation {
  readonly context: string;
  readonly continuation: string;
}

/** How likely a continuation is. */
export interface ContinuationScore {
  /** Natural logarithm of the continuation's probability after its context. */
  readonly logLikelihood: number;
  /** Every token of it is head 1's likeliest. */
  readonly greedy: boolean;
  /** Tokens of the continuation. */
  readonly tokens: number;
  /** Tokens that were cut off at the left, because context and continuation are longer than the model's context. */
  readonly truncated: number;
}

/** Options of scoring continuations. */
export interface ScoreOptions {
  /** Positions of a forward pass, all rows and their padding together. Default 2,048. */
  readonly batchTokens?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const itemsCheck = listOf(
  valueCheck<Continuation>(
    "",
    (value) =>
      isPlainObject(value) &&
      text.accepts((value as Continuation).context) &&
      text.accepts((value as Continuation).continuation),
  ),
  "a list of { context, continuation }, both strings",
);

const checks: OptionChecks<ScoreOptions> = { batchTokens: whole(1), signal: abortSignal };

interface Encoded {
  readonly index: number;
  /** What is fed: all tokens but the last. */
  readonly fed: Int32Array;
  readonly targets: Int32Array;
  readonly truncated: number;
}

/** Rows of a pass at most: many short items would ask for a cache of thousands of them. */
const mostRows = 64;

/**
 * Scores in the order of the items. Items of like length share a pass; hand over many at once.
 * Throws `invalid-argument` for an empty continuation, and for one of a single token that nothing stands before.
 */
export async function scoreContinuations(
  model: LanguageModel,
  items: readonly Continuation[],
  options: ScoreOptions = {},
): Promise<ContinuationScore[]> {
  checkValue("model", model, languageModel);
  checkValue("items", items, itemsCheck);
  checkOptions("scoreContinuations()", options, checks);
  const { batchTokens = 2048, signal } = options;
  const rows = sharedRows(items.map((item, index) => encodeContinuation(model, item, index)));
  const scores = new Array<ContinuationScore>(items.length);
  const cache = await model.createCache({
    rows: Math.max(1, Math.min(mostRows, rows.length)),
    maxLength: rows[0]?.[0].fed.length ?? 1,
  });
  try {
    for (let first = 0; first < rows.length;) {
      throwIfAborted(signal);
      const longest = rows[first]?.[0].fed.length ?? 1;
      const batch = rows.slice(first, first + Math.max(1, Math.min(mostRows, Math.floor(batchTokens / longest))));
      first += batch.length;
      for (const [index, score] of await scoreBatch(model, cache, batch, signal)) scores[index] = score;
    }
  } finally {
    await cache.dispose();
  }
  return scores;
}

/** Items that feed the same tokens. */
type Row = readonly [Encoded, ...Encoded[]];

/** One row serves all that feed the same, such as letters behind a question: they differ in their last token. The longest first. */
function sharedRows(encoded: readonly Encoded[]): Row[] {
  const rows = new Map<string, [Encoded, ...Encoded[]]>();
  for (const each of encoded) {
    const key = each.fed.join();
    const row = rows.get(key);
    if (row === undefined) rows.set(key, [each]);
    else row.push(each);
  }
  return [...rows.values()].sort((a, b) => b[0].fed.length - a[0].fed.length || a[0].index - b[0].index);
}

/** Context and continuation are one text whose tokens are then parted: spaces that end the context go to the continuation. */
function encodeContinuation(model: LanguageModel, { context, continuation }: Continuation, index: number): Encoded {
  if (continuation === "") throw new DynamoError("invalid-argument", "a continuation is empty: expected text to score");
  const { tokenizer, info } = model;
  const kept = context.trimEnd();
  const spaces = context.slice(kept.length);
  const start = info.beginOfTextId ?? info.endOfTextIds[0];
  const prefix = info.beginOfTextId === undefined && kept !== "" ? [] : start === undefined ? [] : [start];
  const before = kept === "" ? [] : Array.from(tokenizer.encode(kept));
  const whole = Array.from(tokenizer.encode(kept + spaces + continuation));
  // A continuation may melt into the context's last token: that token is scored then.
  const targets = Int32Array.from(whole.slice(Math.min(before.length, whole.length - 1)));
  const all = [...prefix, ...whole];
  const most = info.contextLength + 1;
  const truncated = Math.max(0, all.length - most);
  const seen = all.slice(truncated);
  if (seen.length < 2)
    throw new DynamoError(
      "invalid-argument",
      "a continuation of one token needs something before it, received nothing",
    );
  return { index, fed: Int32Array.from(seen.slice(0, -1)), targets: targets.slice(-(seen.length - 1)), truncated };
}

/** By the items' indices. */
async function scoreBatch(
  model: LanguageModel,
  cache: KvCache,
  batch: readonly Row[],
  signal: AbortSignal | undefined,
): Promise<[index: number, score: ContinuationScore][]> {
  for (const row of batch.keys()) cache.truncate(row, 0);
  const feeds = batch.map((row) => ({
    tokens: row[0].fed,
    positions: Math.max(...row.map(({ targets }) => targets.length)),
  }));
  const { candidates, logits } = await model.forward(cache, feeds, { heads: 1, topK: 1, logits: true, signal });
  const data = logits?.data ?? new Float32Array();
  const { vocabularySize } = model.info;
  const most = Math.max(...feeds.map(({ positions }) => positions));
  const scoreOf = ({ targets, truncated }: Encoded, row: number): ContinuationScore => {
    let logLikelihood = 0;
    let greedy = true;
    // The row's positions may begin before this item's.
    const before = (feeds[row]?.positions ?? 0) - targets.length;
    for (const [i, target] of targets.entries()) {
      const position = before + i;
      const head = candidates[row]?.[position]?.[0];
      const logit = data[(row * most + position) * vocabularySize + target] ?? NaN;
      logLikelihood += logit - (head?.logSumExp ?? NaN);
      greedy &&= head?.ids[0] === target;
    }
    return { logLikelihood, greedy, tokens: targets.length, truncated };
  };
  return batch.flatMap((items, row) =>
    items.map((item): [number, ContinuationScore] => [item.index, scoreOf(item, row)]),
  );
}
