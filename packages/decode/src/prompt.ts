/** What a text begins with: text, or token ids. */
import { DynamoError, type LanguageModel } from "@dynamo/core";
import { checkValue, describeValue, oneOf, valueCheck, whole } from "@dynamo/core/options";
import type { GenerateOptions } from "./generation.js";

/** A text, or token ids. */
export type Prompt = string | ArrayLike<number>;

/** One prompt; not an object with a length alone, nor chat messages. */
export const promptCheck = valueCheck<Prompt>(
  "text or a list of token ids (chat messages become text by the tokenizer's chat template)",
  (value) =>
    typeof value === "string" ||
    (ArrayBuffer.isView(value) && !(value instanceof DataView)) ||
    (Array.isArray(value) && (value.length === 0 || typeof value[0] === "number")),
);

/** An array of anything but numbers is a batch. */
export function isBatch(prompt: Prompt | readonly Prompt[]): prompt is readonly Prompt[] {
  return Array.isArray(prompt) && prompt.length > 0 && typeof prompt[0] !== "number";
}

/**
 * Its ids, begin-of-text first where the model has one. Throws `context-length` for one that fills the context,
 * `invalid-argument` for an empty prompt and ids that the model does not have.
 */
export function promptIds(
  model: LanguageModel,
  prompt: Prompt,
  { beginOfText = true, maxNewTokens = 1 }: Pick<GenerateOptions, "beginOfText" | "maxNewTokens">,
): Int32Array {
  const { beginOfTextId, contextLength } = model.info;
  const given = typeof prompt === "string" ? textIds(model, prompt) : prompt;
  if (given.length === 0)
    throw new DynamoError(
      "invalid-argument",
      "the prompt is empty: expected text or token ids (a begin-of-text id alone starts a text from nothing)",
    );
  const first = beginOfText && given[0] !== beginOfTextId ? beginOfTextId : undefined;
  const length = given.length + (first === undefined ? 0 : 1);
  // Before anything is copied: a prompt may be far too long.
  if (maxNewTokens > 0 || length > contextLength) checkPromptLength(length, contextLength);
  const ids = new Int32Array(length);
  if (first !== undefined) ids[0] = first;
  const before = length - given.length;
  for (let i = 0; i < given.length; i++) ids[before + i] = checkedId(given[i], model.info.vocabularySize);
  return ids;
}

function textIds({ tokenizer, info: { contextLength } }: LanguageModel, text: string): Int32Array {
  // Before it is encoded, which may take long.
  if (text.length > contextLength) checkPromptLength(tokenizer.leastTokens?.(text) ?? 0, contextLength, "at least");
  return tokenizer.encode(text);
}

const certainty = oneOf("exactly", "at least");

/** Throws `context-length`. `at least`: the tokens are a lower bound, nobody has encoded the text. */
export function checkPromptLength(
  tokens: number,
  contextLength: number,
  how: "exactly" | "at least" = "exactly",
): void {
  checkValue("tokens", tokens, whole(0));
  checkValue("contextLength", contextLength, whole(0));
  checkValue("how", how, certainty);
  if (tokens < contextLength) return;
  const has = how === "exactly" ? tokens : `at least ${tokens}`;
  throw new DynamoError(
    "context-length",
    `the prompt has ${has} tokens, the context holds ${contextLength} with at least one to generate`,
  );
}

function checkedId(id: unknown, vocabularySize: number): number {
  if (Number.isInteger(id) && (id as number) >= 0 && (id as number) < vocabularySize) return id as number;
  throw new DynamoError(
    "invalid-argument",
    `the prompt's token ids run from 0 to ${vocabularySize - 1}, received ${describeValue(id)}`,
  );
}
