/** The contracts that are handed to functions, told from what is none. */
import type { LanguageModel } from "./language-model.js";
import type { Strategy } from "./strategy.js";
import { hasMethods, valueCheck, whole, type ValueCheck } from "./value-checks.js";

/** A language model, as `loadModel` of @dynamo/model gives it. */
export const languageModel: ValueCheck<LanguageModel> = valueCheck(
  "a loaded model (what loadModel resolves to)",
  (value) => hasMethods(value, "createCache", "forward") && isModelInfo((value as LanguageModel).info),
);

/** A decoding strategy. */
export const strategy: ValueCheck<Strategy> = valueCheck(
  "a strategy such as dynamo(), an object { name, step }",
  (value) => hasMethods(value, "step") && typeof (value as Strategy).name === "string",
);

function isModelInfo(info: unknown): boolean {
  if (typeof info !== "object" || info === null) return false;
  const { vocabularySize, tokenHeads, contextLength, endOfTextIds, generation } = info as Record<string, unknown>;
  return (
    [vocabularySize, tokenHeads, contextLength].every(whole(1).accepts) &&
    Array.isArray(endOfTextIds) &&
    typeof generation === "object" &&
    generation !== null
  );
}
