/** One prompt's generation: committed tokens, the draft under judgement, and the text made of them. */
import {
  DynamoError,
  type Candidates,
  type Draft,
  type LanguageModel,
  type StepOutput,
  type Strategy,
  type TextStream,
} from "@dynamo/core";
import type { FinishReason, GenerateOptions, GenerationChunk, TokenLogprob } from "./generation.js";
import { createRandom, type Random } from "./random.js";
import { createStopText, type StopText } from "./stop-text.js";

export interface Sequence {
  readonly index: number;
  readonly random: Random;
  readonly promptLength: number;
  /** Room for the prompt and all that may follow; the first `length` tokens are committed. */
  readonly context: Int32Array;
  length: number;
  /** Committed tokens that the cache does not hold yet. */
  pending: readonly number[];
  /** Proposals of the last step, fed behind `pending`, not committed. */
  draft: readonly Draft[];
  readonly limit: number;
  readonly stream: TextStream;
  readonly stopText: StopText;
  text: string;
  passes: number;
  readonly orders: Record<number, number>;
  readonly logprobs: TokenLogprob[];
  finishReason: FinishReason | undefined;
}

export function startSequence(
  model: LanguageModel,
  index: number,
  prompt: Int32Array,
  seed: number,
  options: GenerateOptions,
): Sequence {
  const { contextLength } = model.info;
  const limit = Math.min(
    options.maxNewTokens ?? model.info.generation.maxNewTokens ?? 128,
    contextLength - prompt.length,
  );
  const context = new Int32Array(prompt.length + limit);
  context.set(prompt);
  return {
    index,
    random: createRandom(seed, index),
    promptLength: prompt.length,
    context,
    length: prompt.length,
    pending: Array.from(prompt),
    draft: [],
    limit,
    stream: model.tokenizer.stream(),
    stopText: createStopText(options.stop?.strings ?? []),
    text: "",
    passes: 0,
    orders: {},
    logprobs: [],
    finishReason: undefined,
  };
}

export const remaining = ({ limit, length, promptLength }: Sequence): number => limit - (length - promptLength);

/** What a pass feeds: the committed tokens that the cache lacks, then the draft. */
export const feedOf = ({ pending, draft }: Sequence): number[] => [...pending, ...draft.map(({ token }) => token)];

const isListOfObjects = (value: unknown): boolean =>
  Array.isArray(value) && value.every((each: unknown) => typeof each === "object" && each !== null);

/** Throws `strategy` unless the output keeps the contract. */
export function checkOutput(
  strategy: Strategy,
  output: StepOutput,
  sequence: Sequence,
  vocabularySize: number,
  mostDrafts: number,
): void {
  const fail = (message: string): never => {
    throw new DynamoError("strategy", `strategy ${strategy.name}: ${message}`);
  };
  // A user's strategy may be plain JavaScript: its types are promises only.
  if (!Array.isArray((output as Partial<StepOutput> | null)?.tokens)) fail("step must return { tokens: number[] }");
  const { accepted = 0, tokens, draft = [], order = 1, jointSeconds = 0 } = output;
  if (tokens.length === 0) fail("step must emit at least one token, received none");
  if (!Number.isInteger(accepted) || accepted < 0 || accepted > sequence.draft.length) {
    fail(`accepted must be a whole number from 0 to ${sequence.draft.length}, received ${String(accepted)}`);
  }
  if (!Number.isInteger(order) || order < 1)
    fail(`order must be a whole number of at least 1, received ${String(order)}`);
  if (!(Number.isFinite(jointSeconds) && jointSeconds >= 0)) {
    fail(`jointSeconds must be a number of at least 0, received ${String(jointSeconds)}`);
  }
  if (!isListOfObjects(draft)) fail("draft must be a list of { token }");
  if (draft.length > mostDrafts) fail(`at most ${mostDrafts} drafts, received ${String(draft.length)}`);
  for (const token of [...tokens, ...draft.map(({ token: drafted }) => drafted)]) {
    if (!Number.isInteger(token) || token < 0 || token >= vocabularySize) {
      fail(`token ids run from 0 to ${vocabularySize - 1}, received ${String(token)}`);
    }
  }
}

/**
 * Commits what a step emitted and returns it as a chunk. Tokens past the limit, or behind an end, are dropped. Returns how
 * many of the fed drafts stay in the cache.
 */
export function commit(
  sequence: Sequence,
  output: StepOutput,
  positions: readonly (readonly Candidates[])[],
  ends: { readonly endOfText: readonly number[]; readonly stopIds: readonly number[] },
  logprobs: number | undefined,
): GenerationChunk {
  const { accepted = 0 } = output;
  const emitted = [...sequence.draft.slice(0, accepted).map(({ token }) => token), ...output.tokens];
  const end = emitted.findIndex((token) => ends.endOfText.includes(token) || ends.stopIds.includes(token));
  const whole = end < 0 ? emitted : emitted.slice(0, end + 1);
  const tokens = whole.slice(0, remaining(sequence));
  const last = tokens.at(-1) as number;
  sequence.context.set(tokens, sequence.length);
  sequence.length += tokens.length;
  const texts = end >= 0 && tokens.length === whole.length ? tokens.slice(0, -1) : tokens;
  const { text, stopped } = sequence.stopText.push(sequence.stream.push(texts));
  if (stopped) sequence.finishReason = "stop";
  else if (ends.endOfText.includes(last)) sequence.finishReason = "end-of-text";
  else if (ends.stopIds.includes(last)) sequence.finishReason = "stop";
  else if (remaining(sequence) === 0) sequence.finishReason = "length";
  const tail = sequence.finishReason === undefined || stopped ? "" : finishText(sequence);
  const order = output.order ?? tokens.length;
  sequence.orders[order] = (sequence.orders[order] ?? 0) + 1;
  sequence.text += text + tail;
  sequence.pending = output.tokens;
  sequence.draft = (output.draft ?? []).slice(0, Math.max(0, remaining(sequence) - 1));
  const tokenLogprobs = logprobs === undefined ? undefined : logprobsOf(tokens, accepted, positions, logprobs);
  if (tokenLogprobs !== undefined) sequence.logprobs.push(...tokenLogprobs);
  return {
    index: sequence.index,
    text: text + tail,
    tokens,
    order,
    pass: sequence.passes++,
    ...(tokenLogprobs === undefined ? {} : { logprobs: tokenLogprobs }),
    ...(output.trace === undefined ? {} : { trace: output.trace }),
  };
}

/** The end of the text: what decoding and stop strings held back. */
function finishText({ stream, stopText }: Sequence): string {
  const { text, stopped } = stopText.push(stream.flush());
  return stopped ? text : text + stopText.flush();
}

/** An accepted draft and the first token after it were judged by head 1 at their own places; the rest by heads 2, 3, … */
function logprobsOf(
  tokens: readonly number[],
  accepted: number,
  positions: readonly (readonly Candidates[])[],
  alternatives: number,
): TokenLogprob[] {
  return tokens.map((token, i) => {
    const position = Math.min(i, accepted);
    const head = i - position + 1;
    const candidates = positions[position]?.[head - 1];
    if (candidates === undefined) return { token, head, logprob: undefined, top: [] };
    const at = (rank: number): number => (candidates.logits[rank] as number) - candidates.logSumExp;
    const rank = candidates.ids.indexOf(token);
    const top = Array.from(candidates.ids.subarray(0, alternatives), (id, i_) => ({ token: id, logprob: at(i_) }));
    return { token, head, logprob: rank < 0 ? undefined : at(rank), top };
  });
}
