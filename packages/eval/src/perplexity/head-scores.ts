/** What every head says about the tokens that follow, at every position of some windows. */
import type { Candidates, KvCache, LanguageModel } from "@dynamo/core";
import { scoreBehind } from "./conditional-scores.js";

export interface ScoredText {
  /** What is fed, and behind it the targets that lie past the window. */
  readonly tokens: Int32Array;
  /** Tokens that are fed. */
  readonly length: number;
  /** The first position that counts. */
  readonly first: number;
}

export interface PositionScores {
  /** Natural logarithms of the probabilities that heads 1, 2, … give to their targets; shorter where the text ends. */
  readonly logProbabilities: readonly number[];
  /** The same of heads 2, 3, … behind the true tokens between; empty where the model has neither counts nor conditional heads. */
  readonly conditional: readonly number[];
  readonly candidates: readonly Candidates[];
}

/** [text][position from `first` on]. The cache has a row for each text at least; what it held is forgotten. */
export async function scoreHeads(
  model: LanguageModel,
  cache: KvCache,
  texts: readonly ScoredText[],
  { topK, signal }: { readonly topK: number; readonly signal: AbortSignal },
): Promise<PositionScores[][]> {
  const { tokenHeads, vocabularySize } = model.info;
  for (const row of texts.keys()) cache.truncate(row, 0);
  const feeds = texts.map(({ tokens, length, first }) => ({
    tokens: tokens.subarray(0, length),
    positions: length - first,
  }));
  const options = { heads: tokenHeads, topK, logits: true, signal };
  const { candidates, logits } = await model.forward(cache, feeds, options);
  const data = logits?.data ?? new Float32Array();
  const width = Math.max(...feeds.map(({ positions }) => positions));
  const targetsOf = (row: number, position: number): Int32Array => {
    const { tokens = new Int32Array(), first = 0 } = texts[row] ?? {};
    const next = first + position + 1;
    return tokens.subarray(next, next + tokenHeads);
  };
  const behind = await scoreBehind(model, cache, { feeds, candidates, logits: data }, targetsOf, signal);
  return feeds.map(({ positions }, row) =>
    Array.from({ length: positions }, (_, position) => {
      const heads = candidates[row]?.[position] ?? [];
      const targets = targetsOf(row, position);
      const logProbabilities = Array.from(targets, (target, head) => {
        const at = ((row * width + position) * tokenHeads + head) * vocabularySize + target;
        return (data[at] ?? NaN) - (heads[head]?.logSumExp ?? NaN);
      });
      const others = behind === undefined ? [] : [...targets.keys()].slice(1);
      return {
        logProbabilities,
        conditional: others.map((head) => behind?.(row, position, head) ?? NaN),
        candidates: heads,
      };
    }),
  );
}
