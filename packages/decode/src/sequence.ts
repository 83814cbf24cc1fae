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
import { describeValue } from "@dynamo/core/options";
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
    stream: model.tokenizer.stream(prompt),
    stopText: createStopText(options.stop?.strings ?? model.info.generation.stopStrings ?? []),
    text: "",
    passes: 0,
    orders: {},
    logprobs: [],
    finishReason: limit === 0 ? "length" : undefined,
  };
}

export const remaining = ({ limit, length, promptLength }: Sequence): number => limit - (length - promptLength);

/** What a pass feeds: the committed tokens that the cache lacks, then the draft. */
export const feedOf = ({ pending, draft }: Sequence): number[] => [...pending, ...draft.map(({ token }) => token)];

const isListOfObjects = (value: unknown): boolean =>
  Array.isArray(value) && Array.from(value).every((each: unknown) => typeof each === "object" && each !== null);

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
    fail(`accepted must be a whole number from 0 to ${sequence.draft.length}, received ${describeValue(accepted)}`);
  }
  if (!Number.isInteger(order) || order < 1)
    fail(`order must be a whole number of at least 1, received ${describeValue(order)}`);
  if (!(Number.isFinite(jointSeconds) && jointSeconds >= 0)) {
    fail(`jointSeconds must be a number of at least 0, received ${describeValue(jointSeconds)}`);
  }
  if (!isListOfObjects(draft)) fail("draft must be a list of { token }");
  if (draft.length > mostDrafts) fail(`at most ${mostDrafts} drafts, received ${draft.length}`);
  for (const token of [...tokens, ...draft.map(({ token: drafted }) => drafted)]) {
    if (!Number.isInteger(token) || token < 0 || token >= vocabularySize) {
      fail(`token ids run from 0 to ${vocabularySize - 1}, received ${describeValue(token)}`);
    }
  }
}

/** What ends a text. */
export interface Ends {
  readonly endOfText: readonly number[];
  readonly stopIds: readonly number[];
  /** A stop string that is whole before the text has so many tokens does not count. */
  readonly minNewTokens: number;
}

/**
 * Commits what a step emitted, token by token, and returns it as a chunk. The token that ends the text is its last one,
 * be it an end or what makes a stop string whole: what the pass emitted behind it, or behind the limit, is dropped. So
 * how the tokens fall into passes changes nothing of the text.
 */
export function commit(
  sequence: Sequence,
  output: StepOutput,
  positions: readonly (readonly Candidates[])[],
  ends: Ends,
  logprobs: number | undefined,
): GenerationChunk {
  const { accepted = 0 } = output;
  const emitted = [...sequence.draft.slice(0, accepted).map(({ token }) => token), ...output.tokens];
  const first = sequence.length;
  let text = "";
  for (const token of emitted) {
    if (sequence.finishReason !== undefined) break;
    text += commitToken(sequence, token, ends);
  }
  const tokens = emitted.slice(0, sequence.length - first);
  const order = output.order ?? tokens.length;
  sequence.orders[order] = (sequence.orders[order] ?? 0) + 1;
  sequence.text += text;
  sequence.pending = output.tokens;
  sequence.draft = (output.draft ?? []).slice(0, Math.max(0, remaining(sequence) - 1));
  const tokenLogprobs = logprobs === undefined ? undefined : logprobsOf(tokens, accepted, positions, logprobs);
  if (tokenLogprobs !== undefined) sequence.logprobs.push(...tokenLogprobs);
  return {
    index: sequence.index,
    text,
    tokens,
    order,
    pass: sequence.passes++,
    ...(tokenLogprobs === undefined ? {} : { logprobs: tokenLogprobs }),
    ...(output.trace === undefined ? {} : { trace: output.trace }),
  };
}

/** The text that is complete with this token. An end has none of its own. */
function commitToken(sequence: Sequence, token: number, ends: Ends): string {
  sequence.context[sequence.length++] = token;
  const counts = sequence.length - sequence.promptLength > ends.minNewTokens;
  if (ends.endOfText.includes(token)) return finish(sequence, "end-of-text", counts);
  if (ends.stopIds.includes(token)) return finish(sequence, "stop", counts);
  const { text, stopped } = sequence.stopText.push(sequence.stream.push([token]), counts);
  if (stopped) sequence.finishReason = "stop";
  else if (remaining(sequence) === 0) return text + finish(sequence, "length", counts);
  return text;
}

/** Ends the text. Returns what decoding and stop strings held back: that may still hold a stop string. */
function finish(sequence: Sequence, reason: FinishReason, counts: boolean): string {
  const { stream, stopText } = sequence;
  const { text, stopped } = stopText.push(stream.flush(), counts);
  sequence.finishReason = stopped ? "stop" : reason;
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
