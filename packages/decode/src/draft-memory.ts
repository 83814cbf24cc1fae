/**
 * What a draft model has computed already: caches of one row each, found again by the tokens that they hold. A memo, not a
 * state: with it or without it the same context gives the same candidates.
 */
import type { Candidates, KvCache, LanguageModel } from "@dynamo/core";

export interface DraftMemory {
  /** The draft model's head 1 after the tokens, at least one. */
  after(tokens: readonly number[], topK: number): Promise<Candidates>;
  /** Gives its caches back; it may be used again, with nothing remembered. */
  dispose(): Promise<void>;
}

interface Text {
  readonly cache: KvCache;
  /** What the cache holds. */
  tokens: number[];
}

export interface DraftMemoryOptions {
  /** Texts whose keys and values are kept at most; the one that was not asked for the longest goes first. */
  readonly texts: number;
  /** Tokens at a text's end that a later question about it may take back. */
  readonly rollBack: number;
}

export function draftMemory(model: LanguageModel, { texts: most, rollBack }: DraftMemoryOptions): DraftMemory {
  /** The one that was asked for last at the end. */
  const texts: Text[] = [];

  async function find(tokens: readonly number[]): Promise<{ text: Text; shared: number }> {
    let [best, shared] = [-1, 0];
    for (const [i, text] of texts.entries()) {
      const length = commonPrefix(text.tokens, tokens);
      if (length > shared) [best, shared] = [i, length];
    }
    // Texts that only begin alike keep a cache each: they would take it from each other at every step.
    const goesOn = best >= 0 && shared >= (texts[best] as Text).tokens.length - rollBack;
    if (!goesOn && texts.length < most) {
      texts.push({ cache: await model.createCache({ rows: 1 }), tokens: [] });
      return { text: texts.at(-1) as Text, shared: 0 };
    }
    const [text] = texts.splice(goesOn ? best : 0, 1) as [Text];
    texts.push(text);
    return { text, shared: commonPrefix(text.tokens, tokens) };
  }

  return {
    async after(tokens, topK) {
      const { text, shared } = await find(tokens);
      // The last token is always fed: its logits are what is asked for.
      const kept = Math.min(shared, tokens.length - 1);
      text.cache.truncate(0, kept);
      text.tokens.length = kept;
      const fed = tokens.slice(kept);
      const { candidates } = await model.forward(text.cache, [{ tokens: fed }], { heads: 1, topK });
      text.tokens.push(...fed);
      return candidates[0]?.[0]?.[0] as Candidates;
    },
    async dispose() {
      await Promise.all(texts.splice(0).map(({ cache }) => cache.dispose()));
    },
  };
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
