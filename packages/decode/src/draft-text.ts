/** What a draft model has computed of one text: a cache of one row that follows the text, drafts taken back included. */
import type { Candidates, KvCache, LanguageModel } from "@dynamo/core";

export interface DraftText {
  /** The draft model's head 1 after the tokens, at least one. Only what the cache does not hold is computed. */
  after(tokens: readonly number[], topK: number): Promise<Candidates>;
  /** Gives the cache back, once a question under way is answered. */
  dispose(): Promise<void>;
}

/** The cache is made with the first question. */
export function draftText(model: LanguageModel): DraftText {
  let cache: KvCache | undefined;
  let held: number[] = [];
  let last: Promise<unknown> = Promise.resolve();

  async function after(tokens: readonly number[], topK: number): Promise<Candidates> {
    cache ??= await model.createCache({ rows: 1 });
    // The last token is always fed: its logits are what is asked for.
    const kept = cache.reachable(0, Math.min(commonPrefix(held, tokens), tokens.length - 1));
    cache.truncate(0, kept);
    held.length = kept;
    const fed = tokens.slice(kept);
    const { candidates } = await model.forward(cache, [{ tokens: fed }], { heads: 1, topK });
    held = [...tokens];
    return candidates[0]?.[0]?.[0] as Candidates;
  }

  return {
    after(tokens, topK) {
      const answer = after(tokens, topK);
      last = answer.catch(() => undefined);
      return answer;
    },
    async dispose() {
      await last;
      await cache?.dispose();
    },
  };
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
