/**
 * The rows of a batch: texts that share the passes of one cache, each with a row of its own. The one mechanism under
 * generate() and under a server's engine: a pass, the steps after it, and rows that leave.
 */
import type { Feed, ForwardResult, KvCache, LanguageModel } from "@dynamo/core";
import type { Decoding, DecodingStep } from "./decoding.js";
import type { GenerationChunk } from "./generation.js";

/** One row of a batch: its text, and what the cache holds of it. */
export interface Row {
  readonly decoding: Decoding;
  /** What the cache's row holds. */
  tokens: number[];
  /** Whether every pass over them computed all heads: only then can a text that needs them all go on from here. */
  allHeads: boolean;
  /** The step whose answer is awaited. */
  pending: PendingStep | undefined;
}

/** A strategy's answer that is not there yet. */
export interface PendingStep {
  /** Never rejects. */
  readonly settled: Promise<void>;
  answer: DecodingStep | { readonly error: unknown } | undefined;
}

/** What came of a row's step. */
export type RowStep = { readonly chunk: GenerationChunk } | { readonly error: unknown };

/** Options of a pass over several rows. */
export interface PassOptions {
  /** Default: what each row's decoding feeds next. */
  readonly feeds?: readonly Feed[];
  /** Candidates a head; default: the most that any row needs. */
  readonly topK?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A row that holds nothing yet. */
export const startRow = (decoding: Decoding): Row => ({ decoding, tokens: [], allHeads: true, pending: undefined });

/** One forward pass: row i of the cache takes what rows[i] feeds. Returns the rows' candidates. */
export async function forwardRows(
  model: LanguageModel,
  cache: KvCache,
  rows: readonly Row[],
  { feeds, topK, signal }: PassOptions = {},
): Promise<ForwardResult["candidates"]> {
  const heads = Math.max(...rows.map(({ decoding }) => decoding.heads));
  const most = topK ?? Math.max(...rows.map(({ decoding }) => decoding.topK));
  const fed = feeds ?? rows.map((row, i) => (row.pending === undefined ? row.decoding.feed() : again(cache, row, i)));
  const { candidates } = await model.forward(cache, fed, { heads, topK: most, signal });
  for (const [i, row] of rows.entries()) {
    const kept = row.pending === undefined ? (fed[i]?.tokens ?? []) : [];
    hold(row, kept, heads > 1 || model.info.tokenHeads === 1);
  }
  return candidates;
}

/** With more than one head asked for, all are computed. */
function hold(row: Row, tokens: ArrayLike<number>, allHeads: boolean): void {
  for (const token of Array.from(tokens)) row.tokens.push(token);
  row.allHeads &&= allHeads;
}

export interface PrefillOptions {
  /** Tokens of the prompt in this pass at most. */
  readonly most: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One pass over the next tokens of a prompt, alone in its cache. Returns what `stepRows` takes once the prompt's last token
 * has been fed, undefined before. A prompt whose own tokens are scored gets their log-probabilities on the way.
 */
export async function prefillRow(
  model: LanguageModel,
  cache: KvCache,
  row: Row,
  { most, signal }: PrefillOptions,
): Promise<ForwardResult["candidates"] | undefined> {
  const { prompt, heads, topK, promptScores: scores } = row.decoding;
  const first = row.tokens.length;
  const tokens = prompt.subarray(first, first + Math.min(most, scores?.most ?? most));
  const last = first + tokens.length === prompt.length;
  const { candidates, logits } = await model.forward(
    cache,
    [{ tokens, positions: scores === undefined ? 1 : tokens.length }],
    { heads, topK: Math.max(last ? topK : 1, scores?.topK ?? 1), logits: scores !== undefined, signal },
  );
  hold(row, tokens, heads > 1 || model.info.tokenHeads === 1);
  const positions = candidates[0] ?? [];
  scores?.take(positions, logits);
  return last ? [positions.slice(-1)] : undefined;
}

/** A pass has no gaps: a row whose step is late takes part with its last token once more, and holds the same after it. */
function again(cache: KvCache, { tokens }: Row, row: number): Feed {
  cache.truncate(row, tokens.length - 1);
  return { tokens: tokens.slice(-1) };
}

/**
 * Every row's strategy takes its turn. Those that have not answered after `patience` milliseconds are late: undefined now,
 * asked again by the next call, and in the meantime the others go on. Each row then holds what its step has left of it.
 */
export async function stepRows(
  cache: KvCache,
  rows: readonly Row[],
  candidates: ForwardResult["candidates"],
  patience = Infinity,
): Promise<(RowStep | undefined)[]> {
  const late = rows.flatMap(({ pending }) => pending?.settled ?? []);
  const asked: Promise<void>[] = [];
  for (const [i, row] of rows.entries()) {
    if (row.pending !== undefined) continue;
    row.pending = begin(row.decoding, candidates[i] ?? []);
    asked.push(row.pending.settled);
  }
  // Whoever was late before holds nobody up.
  await within(asked.length === 0 ? Promise.race(late) : Promise.all(asked), patience);
  return rows.map((row, i) => {
    const answer = row.pending?.answer;
    if (answer === undefined) return undefined;
    row.pending = undefined;
    if ("error" in answer) return answer;
    row.tokens.length -= answer.rejected;
    cache.truncate(i, row.tokens.length);
    return { chunk: answer.chunk };
  });
}

function begin(decoding: Decoding, positions: Parameters<Decoding["step"]>[0]): PendingStep {
  const pending: { settled: Promise<void>; answer: PendingStep["answer"] } = {
    settled: Promise.resolve(),
    answer: undefined,
  };
  pending.settled = decoding.step(positions).then(
    (answer) => {
      pending.answer = answer;
    },
    (error: unknown) => {
      pending.answer = { error };
    },
  );
  return pending;
}

/** Waits for the promise, but no longer than so many milliseconds. */
async function within(promise: Promise<unknown>, milliseconds: number): Promise<void> {
  if (milliseconds === Infinity) {
    await promise;
    return;
  }
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

/**
 * Rows that are over leave the batch, told to `onLeave` before. The last row takes the place of one that leaves, so that the
 * rows stay in front.
 */
export async function leaveRows<R extends Row>(
  cache: KvCache,
  rows: R[],
  isOver: (row: R) => boolean,
  onLeave: (row: R, index: number) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  let left = false;
  for (let index = rows.length - 1; index >= 0; index--) {
    const row = rows[index] as R;
    if (!isOver(row)) continue;
    await onLeave(row, index);
    const last = rows.length - 1;
    if (index !== last) {
      await cache.copyRow(last, index);
      rows[index] = rows[last] as R;
    }
    rows.pop();
    cache.truncate(last, 0);
    left = true;
  }
  // A long text that is gone must not cost those who stay.
  if (left && rows.length > 0) await cache.trim();
}
