/** What the options of generate() must be. */
import {
  abortSignal,
  either,
  finite,
  flag,
  isPlainObject,
  listOf,
  members,
  someText,
  strategy,
  valueCheck,
  whole,
  type Misplaced,
  type OptionChecks,
} from "@dynamo/core/options";
import type { GenerateOptions } from "./generation.js";

const tokenIds = listOf(whole(0), "a list of token ids");
const someTokenIds = valueCheck<readonly number[]>(
  "a list of at least one token id",
  (value) => tokenIds.accepts(value) && value.length > 0,
);

/** By option; the engine's requests have them too. Token ids are held against the vocabulary later. */
export const generateChecks: OptionChecks<GenerateOptions> = {
  strategy,
  maxNewTokens: whole(0),
  seed: whole(0),
  stop: members<NonNullable<GenerateOptions["stop"]>>({
    strings: listOf(someText, "a list of strings, each of at least one character"),
    ids: tokenIds,
  }),
  beginOfText: flag,
  stopAtEndOfText: flag,
  logprobs: either(flag, whole(0)),
  promptLogprobs: either(flag, whole(0)),
  signal: abortSignal,
  logitBias: valueCheck(
    "an object of finite numbers by token id",
    (value) => isPlainObject(value) && Object.values(value as object).every(finite.accepts),
  ),
  presencePenalty: finite,
  frequencyPenalty: finite,
  minNewTokens: whole(0),
  suppressTokens: tokenIds,
  beginSuppressTokens: tokenIds,
  badWords: listOf(someTokenIds, "a list of words, each a list of at least one token id"),
  noRepeatNgramSize: whole(0),
};

/** For strategies, whose options stand apart. */
export const generateOptions: Misplaced = Object.fromEntries(
  Object.keys(generateChecks).map((name) => [name, "is an option of generate(), beside the strategy"]),
);
