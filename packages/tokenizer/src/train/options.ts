/** What a training can be told, and what of it is refused. */
import { DynamoError } from "@dynamo/core";
import { abortSignal, callback, listOf, required, text, valueCheck, type OptionChecks } from "@dynamo/core/options";
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

const number = valueCheck<number>("a number", (value) => typeof value === "number");

/** Their kinds; ranges are looked at with the defaults. */
export const optionChecks: OptionChecks<BpeTrainingOptions> = {
  vocabularySize: required(number),
  specialTokens: listOf(text, "a list of texts"),
  minFrequency: number,
  maxTokenLength: number,
  onProgress: callback(),
  signal: abortSignal,
};

/** Throws `invalid-argument` for options out of their range. */
export function checkOptions({
  vocabularySize,
  specialTokens,
  minFrequency,
  maxTokenLength,
}: Required<Pick<BpeTrainingOptions, "vocabularySize" | "specialTokens" | "minFrequency" | "maxTokenLength">>): void {
  checkSpecialTokens(specialTokens);
  checkWhole("vocabularySize", vocabularySize, 256 + specialTokens.length, {
    most: maxTokens,
    why: ` (256 bytes + ${specialTokens.length} special tokens)`,
  });
  checkWhole("minFrequency", minFrequency, 1);
  checkWhole("maxTokenLength", maxTokenLength, 1);
}

function checkWhole(
  name: string,
  value: number,
  least: number,
  { most = Number.MAX_SAFE_INTEGER, why = "" }: { readonly most?: number; readonly why?: string } = {},
): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new DynamoError(
    "invalid-argument",
    `${name}: expected a whole number from ${least}${why} to ${most}, received ${value}`,
  );
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
