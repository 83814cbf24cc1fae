/**
 * Tokens that may not come at a place, whatever the strategy: transformers' logits processors NoRepeatNGram, NoBadWords,
 * MinNewTokensLength, SuppressTokens and SuppressTokensAtBegin, for several tokens per pass.
 */
import { DynamoError, type Draft, type GenerationDefaults, type StepOutput } from "@dynamo/core";

/** Which tokens must not come, and when the text must not end. */
export interface BanOptions {
  /** The text does not end before it has so many tokens: neither by a token nor by a stop string. Default 0. */
  readonly minNewTokens?: number | undefined;
  /** Token ids that are never generated. */
  readonly suppressTokens?: readonly number[] | undefined;
  /** Token ids that are not generated first. */
  readonly beginSuppressTokens?: readonly number[] | undefined;
  /** Sequences of token ids that the text, the prompt included, is not continued to. */
  readonly badWords?: readonly (readonly number[])[] | undefined;
  /** No so many tokens stand twice in the text, the prompt included. Default 0: any may. */
  readonly noRepeatNgramSize?: number | undefined;
}

/** A text as it is before a pass: `context[0..length)` are the prompt and what was generated behind it. */
export interface BannedText {
  readonly context: Int32Array;
  readonly length: number;
  readonly promptLength: number;
  readonly draft: readonly Draft[];
}

export interface Bans {
  /** A stop string counts from this token on. */
  readonly minNewTokens: number;
  /**
   * What may not come `ahead` tokens behind the place after the first `drafted` drafts. With `ahead` above 0 the tokens
   * between are not chosen yet, and only what no text allows there is named.
   */
  at(text: BannedText, drafted: number, ahead: number): ReadonlySet<number>;
  /**
   * A step's output up to the first token that may not follow those before it: only heads 2 to N, which do not know the
   * tokens of their own pass, choose such. Throws `strategy` when it is the first.
   */
  cut(output: StepOutput, text: BannedText, strategy: string): StepOutput;
}

export interface BanContext {
  readonly vocabularySize: number;
  /** Tokens that end the text. */
  readonly ends: readonly number[];
  /** The model's recommendation, where the options say nothing. */
  readonly defaults: GenerationDefaults;
}

interface Resolved {
  readonly minNewTokens: number;
  readonly suppressTokens: readonly number[];
  readonly beginSuppressTokens: readonly number[];
  readonly badWords: readonly (readonly number[])[];
  readonly noRepeatNgramSize: number;
}

/** Undefined when nothing is banned. Throws `invalid-argument` for options out of range, and when no token is left. */
export function createBans(options: BanOptions, context: BanContext): Bans | undefined {
  const resolved = resolve(options, context.defaults);
  checkBans(resolved, context.vocabularySize);
  const { ends } = context;
  const { minNewTokens, beginSuppressTokens, noRepeatNgramSize } = resolved;
  // As transformers: a text may end, whatever the bad words are.
  const badWords = resolved.badWords.filter(([first, ...more]) => more.length > 0 || !ends.includes(first as number));
  const always = new Set([...resolved.suppressTokens, ...badWords.filter(({ length }) => length === 1).flat()]);
  const phrases = badWords.filter(({ length }) => length > 1);
  const mayBan = always.size + phrases.length + beginSuppressTokens.length + noRepeatNgramSize + minNewTokens > 0;
  if (!mayBan) return undefined;

  function at(text: BannedText, drafted: number, ahead: number): ReadonlySet<number> {
    const banned = new Set(always);
    const place = text.length - text.promptLength + drafted + ahead;
    if (place < minNewTokens) for (const id of ends) banned.add(id);
    if (place === 0) for (const id of beginSuppressTokens) banned.add(id);
    if (ahead > 0) return banned;
    const before = tokensBefore(text, drafted);
    for (const phrase of phrases) if (before.endWith(phrase)) banned.add(phrase.at(-1) as number);
    if (noRepeatNgramSize > 0) for (const id of before.continuations(noRepeatNgramSize - 1)) banned.add(id);
    return banned;
  }

  return {
    minNewTokens,
    at,
    cut(output, text, strategy) {
      const { accepted = 0, tokens } = output;
      const emitted = [...text.draft.slice(0, accepted), ...tokens.map((token) => ({ token }))];
      const after = { ...text, draft: emitted };
      const kept = emitted.findIndex(({ token }, i) => at(after, i, 0).has(token));
      if (kept < 0) return output;
      if (kept === 0)
        throw new DynamoError(
          "strategy",
          `strategy ${strategy}: expected one of the candidates, received token ${emitted[0]?.token}, which may not come here`,
        );
      // The last one that stays is fed again, if need be: a pass feeds at least one token.
      const still = Math.min(accepted, kept - 1);
      return { ...output, accepted: still, tokens: emitted.slice(still, kept).map(({ token }) => token), draft: [] };
    },
  };
}

/** The user's option, else the model's recommendation. */
const resolve = (options: BanOptions, defaults: GenerationDefaults): Resolved => ({
  minNewTokens: options.minNewTokens ?? defaults.minNewTokens ?? 0,
  suppressTokens: options.suppressTokens ?? defaults.suppressTokens ?? [],
  beginSuppressTokens: options.beginSuppressTokens ?? defaults.beginSuppressTokens ?? [],
  badWords: options.badWords ?? defaults.badWords ?? [],
  noRepeatNgramSize: options.noRepeatNgramSize ?? defaults.noRepeatNgramSize ?? 0,
});

/** The text and its first drafts as one list, which is not copied. */
function tokensBefore(
  { context, length, draft }: BannedText,
  drafted: number,
): { endWith(phrase: readonly number[]): boolean; continuations(size: number): Generator<number> } {
  const all = length + drafted;
  const token = (i: number): number => (i < length ? (context[i] as number) : (draft[i - length]?.token as number));
  return {
    /** All of the phrase but its last token stands at the end. */
    endWith(phrase) {
      const first = all - (phrase.length - 1);
      return first >= 0 && phrase.slice(0, -1).every((id, i) => id === token(first + i));
    },
    /** What has followed the last `size` tokens before. */
    *continuations(size) {
      for (let end = size; end < all; end++) {
        let same = 0;
        while (same < size && token(end - 1 - same) === token(all - 1 - same)) same++;
        if (same === size) yield token(end);
      }
    },
  };
}

/** What the vocabulary has to say: that they are lists of whole numbers is checked before. */
function checkBans(options: Resolved, vocabularySize: number): void {
  const fail = (message: string): never => {
    throw new DynamoError("invalid-argument", message);
  };
  const { suppressTokens, beginSuppressTokens, badWords } = options;
  for (const [name, ids] of Object.entries({ suppressTokens, beginSuppressTokens, badWords: badWords.flat() })) {
    const wrong = ids.find((id) => id >= vocabularySize);
    if (wrong !== undefined) fail(`${name}: token ids run from 0 to ${vocabularySize - 1}, received ${wrong}`);
  }
  if (new Set(suppressTokens).size >= vocabularySize)
    fail(`suppressTokens leaves no token: expected fewer than the vocabulary's ${vocabularySize}`);
}
