/** What a training can be told, and what of it is refused. */
import { DynamoError } from "@dynamo/core";
import {
  abortSignal,
  callback,
  checkOptions,
  checkValue,
  listOf,
  required,
  text,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import { byteAlphabet } from "../byte-level.js";
import { maxTokens } from "./merges.js";

/**
 * - `reading`: after every `add`. `done` are the characters so far; the trainer cannot know how many there will be, so
 *   `total` is Infinity.
 * - `merging`: in `finish`. Merges learnt, and to learn; the last call has `done` = `total`, also when pairs ran out.
 */
export type OnBpeProgress = (done: number, total: number, phase: "reading" | "merging") => void;

/** Options of training a tokenizer. */
export interface BpeTrainingOptions {
  /** Special tokens and the 256 bytes included. */
  readonly vocabularySize: number;
  /** They get the ids from 0; default: `<|endoftext|>`. They are never part of a word. */
  readonly specialTokens?: readonly string[];
  /** A pair seen fewer times becomes no token; default 2. */
  readonly minFrequency?: number;
  /** Bytes of the longest token; default 32. Longer words are fine: they stay several tokens. */
  readonly maxTokenLength?: number;
  readonly onProgress?: OnBpeProgress | undefined;
  /** `add` and `finish` throw `aborted` once it fires. */
  readonly signal?: AbortSignal | undefined;
}

const checks: OptionChecks<BpeTrainingOptions> = {
  vocabularySize: required(whole(1)),
  specialTokens: listOf(text, "a list of texts"),
  minFrequency: whole(1),
  maxTokenLength: whole(1),
  onProgress: callback(),
  signal: abortSignal,
};

/** In place of those given to `createBpeTrainer`. */
export type FinishOptions = Pick<BpeTrainingOptions, "onProgress" | "signal">;

const finishChecks: OptionChecks<FinishOptions> = { onProgress: callback(), signal: abortSignal };

/** Throws `invalid-argument` for unknown options. */
export function checkFinish(options: FinishOptions): void {
  checkOptions("finish()", options, finishChecks);
}

export const defaultSpecialTokens: readonly string[] = ["<|endoftext|>"];

/** Throws `invalid-argument` for options that are unknown or out of their range. */
export function checkTraining(options: BpeTrainingOptions): void {
  checkOptions("createBpeTrainer()", options, checks);
  const { vocabularySize, specialTokens = defaultSpecialTokens } = options;
  checkSpecialTokens(specialTokens);
  const range = whole(256 + specialTokens.length, maxTokens);
  const why = `256 bytes and ${specialTokens.length} special tokens are the least`;
  checkValue("vocabularySize", vocabularySize, { ...range, expected: `${range.expected} (${why})` });
}

function checkSpecialTokens(tokens: readonly string[]): void {
  const refuse = (expected: string, token: string): never => {
    throw new DynamoError(
      "invalid-argument",
      `specialTokens: expected ${expected}, received ${JSON.stringify(token.slice(0, 50))}`,
    );
  };
  const bytes = new Set(byteAlphabet());
  const seen = new Set<string>();
  for (const token of tokens) {
    if (token === "") refuse("texts of at least one character", token);
    if (bytes.has(token)) refuse("texts that are not a byte's own name", token);
    if (seen.has(token)) refuse("each once", token);
    seen.add(token);
  }
}
