/**
 * What n-gram counts say of the next token, smoothed (Jelinek and Mercer 1980; with Dirichlet's weights, MacKay and Peto 1995):
 *
 *   P(x | h) = (C(h, x) + λ(h) · P(x | h without its first token)) / (C(h) + β),   P(x) = (C₁(x) + 1) / (T₁ + V)
 *
 * λ(h) = β + C(h) − Σ C(h, x) over the n-grams that are stored: what was pruned is shared out by the shorter history too, so that
 * P(· | h) sums to 1 whatever was left out.
 */
import { childOf, nodeCount, nodeOf } from "./nodes.js";
import type { Level, Trie } from "./trie.js";

/** β: a history counts as much as the shorter one once it was seen so often. */
export const prior = 20;

/** Writes the lift P(x | history) / P(x) of each id, or of all tokens: how much likelier what stands before makes the token. */
export type Lifts = (history: ArrayLike<number>, ids: ArrayLike<number> | undefined, into: Float64Array) => void;

/** Histories longer than the counts reach lose their first tokens. */
export function liftsOf(trie: Trie): Lifts {
  const { unigrams, totals, vocabularySize, levels } = trie;
  const all = (totals[0] ?? 0) + vocabularySize;
  const single = (id: number): number => ((unigrams[id] ?? 0) + 1) / all;
  const sums = levels.map((level) => continuations(level));

  return (history, ids, into) => {
    const count = ids?.length ?? vocabularySize;
    into.fill(1, 0, count);
    // From the last token alone to the whole history: each step leans on the one before.
    for (let length = 1; length <= Math.min(history.length, levels.length); length++) {
      const parent = nodeOf(trie, history, history.length - length, length);
      if (parent < 0) continue;
      const level = levels[length - 1] as Level;
      const stored = (sums[length - 1] as Float64Array)[parent] as number;
      const own = length === 1 ? (unigrams[parent] as number) : nodeCount(levels[length - 2] as Level, parent);
      // What ended a document was followed by nothing.
      const seen = Math.max(stored, own);
      const leaned = (prior + seen - stored) / (prior + seen);
      for (let i = 0; i < count; i++) into[i] = leaned * (into[i] as number);
      const add = (place: number, id: number, node: number): void => {
        into[place] = (into[place] as number) + nodeCount(level, node) / (prior + seen) / single(id);
      };
      if (ids === undefined) {
        for (let node = level.starts[parent] as number; node < (level.starts[parent + 1] as number); node++)
          add(level.ids[node] as number, level.ids[node] as number, node);
        continue;
      }
      for (let i = 0; i < count; i++) {
        const node = childOf(level, parent, ids[i] as number);
        if (node >= 0) add(i, ids[i] as number, node);
      }
    }
  };
}

/** Σ C(h, x) over the stored children of each node. */
function continuations(level: Level): Float64Array {
  const sums = new Float64Array(level.starts.length - 1);
  for (let parent = 0; parent < sums.length; parent++) {
    let sum = 0;
    for (let node = level.starts[parent] as number; node < (level.starts[parent + 1] as number); node++)
      sum += nodeCount(level, node);
    sums[parent] = sum;
  }
  return sums;
}
