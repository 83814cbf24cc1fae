/** What the arguments of this package's public functions must be. */
import {
  finite,
  flag,
  folderCheck,
  hasMethods,
  isPlainObject,
  listOf,
  numberAbove,
  numberIn,
  pathCheck,
  text,
  valueCheck,
  whole,
  type OptionChecks,
  type ValueCheck,
} from "@dynamo/core/options";
import type { EvalWorker, Evaluation, JsonObject, Work } from "./evaluation.js";
import type { Sampling } from "./open-ended/write-text.js";

export { folderCheck, pathCheck };

/** Each once, at least one. */
export const seedsCheck = valueCheck<readonly number[]>(
  "different seeds, at least one",
  (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    listOf(whole(0), "").accepts(value) &&
    new Set(value).size === value.length,
);

/** Shares from 0 to 1. */
export const sharesCheck = (what: string): ValueCheck<readonly number[]> =>
  listOf(numberIn(0, 1), `a list of ${what}, each a number from 0 to 1`);

export const numbersCheck = listOf(finite, "a list of finite numbers");

/** What the strategies look at themselves goes through them before anything is written. */
export const samplingChecks: OptionChecks<Partial<Sampling>> = {
  temperature: finite,
  topK: whole(1),
  repetitionPenalty: numberAbove(0),
  maxNewTokens: whole(1),
  stopAtEndOfText: flag,
};

/** Settings are written into results, and sent to other processes. */
export const jsonObject = valueCheck<JsonObject>("an object that JSON can hold", (value) => {
  if (!isPlainObject(value)) return false;
  JSON.stringify(value);
  return true;
});

/** What says what work it is. */
export const workCheck = valueCheck<Pick<Work, "kind" | "settings" | "models">>(
  "an evaluation { kind, settings, models }",
  (value) => {
    if (typeof value !== "object" || value === null) return false;
    const { kind, settings, models = [] } = value as Partial<Work>;
    return text.accepts(kind) && jsonObject.accepts(settings) && listOf(folderCheck, "").accepts(models);
  },
);

export const workerCheck = valueCheck<EvalWorker>(
  "a worker { model, scratch, signal }",
  (value) =>
    hasMethods(value, "model") &&
    text.accepts((value as EvalWorker).scratch) &&
    hasMethods((value as EvalWorker).signal, "addEventListener"),
);

export const evaluationCheck = valueCheck<Evaluation>(
  "an evaluation, as perplexity() and the others resolve to",
  (value) => hasMethods(value, "jobs", "run", "summarize") && isPlainObject((value as Evaluation).settings),
);
