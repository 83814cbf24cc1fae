/** Answers that the model writes itself: head 1 and greedy, or any strategy. */
import type { LanguageModel } from "@dynamo/core";
import { DynamoError } from "@dynamo/core";
import { generate } from "@dynamo/decode";
import { strategyOf, type Sampling, type Setting } from "../open-ended/write-text.js";

/** What is left out is lm-evaluation-harness's: greedy, 256 tokens. */
export interface Writing extends Partial<Omit<Sampling, "stopAtEndOfText">> {
  /** Default: head 1, one token per pass. */
  readonly strategy?: Setting | undefined;
  /** Where the temperature is not 0. Default 0. */
  readonly seed?: number | undefined;
}

export interface WrittenAnswer {
  readonly text: string;
  readonly tokens: number;
  readonly passes: number;
  /** Tokens of the prompt that were cut off at the left. */
  readonly truncated: number;
}

/** Positions of a group's prompts, with their padding; rows of a group at most. */
const [groupTokens, mostRows] = [8192, 16];
const defaultNewTokens = 256;

/** Throws `invalid-argument` for options out of range, and for as many new tokens as the model has context. */
export async function writeAnswers(
  model: LanguageModel,
  prompts: readonly string[],
  {
    writing,
    stops,
    signal,
  }: { readonly writing: Writing; readonly stops: readonly string[]; readonly signal: AbortSignal },
): Promise<WrittenAnswer[]> {
  const { strategy: setting, seed = 0, maxNewTokens = defaultNewTokens } = writing;
  const strategy = strategyOf(setting, { temperature: 0, repetitionPenalty: 1, ...defined(writing) });
  const encoded = prompts.map((prompt, index) => ({ index, ...encodePrompt(model, prompt, maxNewTokens) }));
  encoded.sort((a, b) => b.tokens.length - a.tokens.length || a.index - b.index);
  const written = new Array<WrittenAnswer>(prompts.length);
  for (let first = 0; first < encoded.length;) {
    const longest = encoded[first]?.tokens.length ?? 1;
    const group = encoded.slice(first, first + Math.max(1, Math.min(mostRows, Math.floor(groupTokens / longest))));
    first += group.length;
    const results = await generate(
      model,
      group.map(({ tokens }) => tokens),
      { ...{ strategy, seed, maxNewTokens, signal }, stop: { strings: stops }, beginOfText: false },
    );
    for (const [i, { index, truncated }] of group.entries()) {
      const { text = "", statistics } = results[i] ?? {};
      written[index] = { text, tokens: statistics?.tokens ?? 0, passes: statistics?.passes ?? 0, truncated };
    }
  }
  return written;
}

/** Left out is not the same as undefined where defaults are spread. */
const defined = ({
  temperature,
  topK,
  repetitionPenalty,
}: Writing): Omit<Sampling, "maxNewTokens" | "stopAtEndOfText"> =>
  Object.fromEntries(
    Object.entries({ temperature, topK, repetitionPenalty }).filter(([, value]) => value !== undefined),
  );

/** What leaves room for the answer: the prompt's end. */
function encodePrompt(
  { tokenizer, info }: LanguageModel,
  prompt: string,
  maxNewTokens: number,
): { tokens: number[]; truncated: number } {
  const room = info.contextLength - maxNewTokens;
  if (room < 1)
    throw new DynamoError(
      "invalid-argument",
      `maxNewTokens must be below the model's context of ${info.contextLength}, received ${maxNewTokens}`,
    );
  const begin = info.beginOfTextId === undefined ? [] : [info.beginOfTextId];
  const all = [...begin, ...tokenizer.encode(prompt)];
  const truncated = Math.max(0, all.length - room);
  return { tokens: all.slice(truncated), truncated };
}
