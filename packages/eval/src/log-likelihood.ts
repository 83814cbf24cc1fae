/** Log-likelihoods of continuations, as lm-evaluation-harness scores them: head 1, teacher-forced, several at once. */
import { DynamoError, throwIfAborted, type KvCache, type LanguageModel } from "@dynamo/core";

export interface Continuation {
  readonly context: string;
  readonly continuation: string;
}

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

export interface ScoreOptions {
  /** Positions of a forward pass, all rows and their padding together. Default 2,048. */
  readonly batchTokens?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

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
  { batchTokens = 2048, signal }: ScoreOptions = {},
): Promise<ContinuationScore[]> {
  const encoded = items.map((item, index) => encodeContinuation(model, item, index));
  encoded.sort((a, b) => b.fed.length - a.fed.length || a.index - b.index);
  const scores = new Array<ContinuationScore>(items.length);
  const cache = await model.createCache({ rows: Math.max(1, Math.min(mostRows, items.length)) });
  try {
    for (let first = 0; first < encoded.length;) {
      throwIfAborted(signal);
      const longest = (encoded[first] as Encoded).fed.length;
      const rows = Math.max(1, Math.min(mostRows, Math.floor(batchTokens / longest)));
      const batch = encoded.slice(first, first + rows);
      first += batch.length;
      const results = await scoreBatch(model, cache, batch, signal);
      for (const [i, { index }] of batch.entries()) scores[index] = results[i] as ContinuationScore;
    }
  } finally {
    await cache.dispose();
  }
  return scores;
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

async function scoreBatch(
  model: LanguageModel,
  cache: KvCache,
  batch: readonly Encoded[],
  signal: AbortSignal | undefined,
): Promise<ContinuationScore[]> {
  for (const row of batch.keys()) cache.truncate(row, 0);
  const feeds = batch.map(({ fed, targets }) => ({ tokens: fed, positions: targets.length }));
  const { candidates, logits } = await model.forward(cache, feeds, { heads: 1, topK: 1, logits: true, signal });
  const data = logits?.data ?? new Float32Array();
  const { vocabularySize } = model.info;
  const most = Math.max(...feeds.map(({ positions }) => positions));
  return batch.map(({ targets, truncated }, row) => {
    let logLikelihood = 0;
    let greedy = true;
    for (const [position, target] of targets.entries()) {
      const head = candidates[row]?.[position]?.[0];
      const logit = data[(row * most + position) * vocabularySize + target] ?? NaN;
      logLikelihood += logit - (head?.logSumExp ?? NaN);
      greedy &&= head?.ids[0] === target;
    }
    return { logLikelihood, greedy, tokens: targets.length, truncated };
  });
}
