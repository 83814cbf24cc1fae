/** What the pieces of a step are given, checked without a look at every element: they are called for every token. */
import type { Candidates, Draft } from "@dynamo/core";
import { callback, checkValue, hasMethods, numberFrom, valueCheck, type ValueCheck } from "@dynamo/core/options";

const isNumbers = (value: unknown): boolean => ArrayBuffer.isView(value) && !(value instanceof DataView);

/** At least one of them. */
export const candidatesCheck: ValueCheck<Candidates> = valueCheck(
  "candidates { ids, logits, logSumExp }, at least one",
  (value) => {
    const { ids, logits, logSumExp } = value as Candidates;
    return (
      isNumbers(ids) &&
      isNumbers(logits) &&
      ids.length > 0 &&
      ids.length === logits.length &&
      typeof logSumExp === "number"
    );
  },
);

/** One list of candidates per head. */
const headsCheck: ValueCheck<readonly Candidates[]> = valueCheck(
  "a list of candidates, one a head, at least one head",
  (value) => Array.isArray(value) && value.length > 0 && Array.from(value).every(candidatesCheck.accepts),
);

/** What was written before. */
export const contextCheck: ValueCheck<ArrayLike<number>> = valueCheck(
  "a list of token ids",
  (value) => isNumbers(value) || Array.isArray(value),
);

/** What was drafted; only what stands behind a token may be missing. */
export const draftCheck: ValueCheck<readonly Draft[]> = valueCheck(
  "a list of drafts { token, distribution }",
  (value) => Array.isArray(value) && Array.from(value).every(isDraft),
);

function isDraft(draft: unknown): boolean {
  const { token, distribution } = draft as Draft;
  if (typeof token !== "number") return false;
  return distribution === undefined || (isNumbers(distribution.ids) && isNumbers(distribution.probabilities));
}

export const weightsCheck: ValueCheck<Float64Array> = valueCheck(
  "a Float64Array of at least one weight",
  (value) => isNumbers(value) && (value as Float64Array).length > 0,
);

/** `temperature`, `topP` and the like: the numbers that a distribution is made with. */
export const distributionCheck: ValueCheck<object> = valueCheck(
  "an object { temperature, … } of numbers",
  (value) =>
    typeof value === "object" &&
    numberFrom(0).accepts((value as { temperature?: unknown }).temperature) &&
    ["topP", "minP", "typicalP", "repetitionPenalty", "backoff", "maskStrength"].every((name) =>
      ["number", "undefined"].includes(typeof (value as Record<string, unknown>)[name]),
    ),
);

/** With a repetition penalty too. */
export const judgeCheck: ValueCheck<object> = valueCheck(
  "an object { temperature, repetitionPenalty, … } of numbers",
  (value) =>
    distributionCheck.accepts(value) &&
    typeof (value as { repetitionPenalty?: unknown }).repetitionPenalty === "number",
);

const maskCheck: ValueCheck<object> = valueCheck(
  "a co-occurrence mask, or undefined",
  (value) => value === undefined || hasMethods(value, "weight", "match"),
);

export function checkRandom(random: unknown): void {
  checkValue("random", random, callback<() => number>());
}

/** At least so many positions. */
export const positionsCheck = (least: number): ValueCheck<readonly (readonly Candidates[])[]> =>
  valueCheck(
    `a list of ${least} positions or more, each with its heads' candidates`,
    (value) => Array.isArray(value) && value.length >= least && Array.from(value).every(headsCheck.accepts),
  );

/** What a decoding step is given. */
export function checkStep(candidates: unknown, context: unknown, mask: unknown, options: unknown): void {
  checkValue("heads", candidates, headsCheck);
  checkValue("context", context, contextCheck);
  checkValue("mask", mask, maskCheck);
  checkValue("options", options, judgeCheck);
}
