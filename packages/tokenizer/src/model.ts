/** What the kinds of models have in common. */
import { DynamoError } from "@dynamo/core";
import type { Settings } from "./settings.js";

export interface Vocabulary {
  readonly idOf: (token: string) => number | undefined;
  /** The id of the token for what has none; throws `invalid-file` when the vocabulary lacks it. */
  readonly unknown: (token: string) => number;
}

export interface Model {
  /** Gives the tokens of one word, in order. */
  readonly encode: (word: string, push: (id: number) => void) => void;
}

export const vocabularyOf = (ids: ReadonlyMap<string, number>, place: string): Vocabulary => ({
  idOf: (token) => ids.get(token),
  unknown(token) {
    const id = ids.get(token);
    if (id === undefined)
      throw new DynamoError(
        "invalid-file",
        `tokenizer.json: ${place}.unk_token: the text has a word without a token, and ${JSON.stringify(token)} is not in the vocabulary`,
      );
    return id;
  },
});

/** A setting that may be null. */
export function optionalText(settings: Settings, key: string): string | undefined {
  const value = settings.get(key);
  return value === undefined || value === null ? undefined : settings.text(key);
}
