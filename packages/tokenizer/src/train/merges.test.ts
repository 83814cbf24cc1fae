import { DynamoError } from "@dynamo/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { learnMerges, type CountedWord, type Merge, type MergeOptions } from "./merges.js";

const letters = ["a", "b", "c", "d"];
const wordOf = (text: string, count: number): CountedWord => ({
  ids: Array.from(text, (letter) => letters.indexOf(letter)),
  count,
});
const defaults: MergeOptions = { tokens: letters, count: 100, minFrequency: 2, maxTokenLength: 32 };

/** The definition, word for word: counts every pair anew before each merge. */
function learnNaively(words: readonly CountedWord[], options: MergeOptions): Merge[] {
  const { tokens, count, minFrequency, maxTokenLength } = options;
  const lengths = tokens.map((token) => token.length);
  let current = words.map(({ ids, count: seen }) => ({ ids: [...ids], count: seen }));
  const merges: Merge[] = [];
  while (merges.length < count) {
    const counts = new Map<string, number>();
    for (const { ids, count: seen } of current)
      for (const [i, right] of ids.entries()) {
        if (i === 0) continue;
        const pair = `${ids[i - 1] ?? ""} ${right}`;
        counts.set(pair, (counts.get(pair) ?? 0) + seen);
      }
    const best = [...counts]
      .map(([pair, seen]) => ({ pair: pair.split(" ").map(Number) as [number, number], seen }))
      .filter(({ pair: [left, right] }) => (lengths[left] ?? 0) + (lengths[right] ?? 0) <= maxTokenLength)
      .sort((x, y) => y.seen - x.seen || x.pair[0] - y.pair[0] || x.pair[1] - y.pair[1])[0];
    if (best === undefined || best.seen < minFrequency) break;
    const [left, right] = best.pair;
    const id = lengths.length;
    lengths.push((lengths[left] ?? 0) + (lengths[right] ?? 0));
    merges.push({ left, right });
    current = current.map(({ ids, count: seen }) => {
      const merged: number[] = [];
      for (const token of ids) {
        // Tokens are merged from the left, and a new token is no `left`: looking back at the last one is enough.
        if (token === right && merged.at(-1) === left) merged[merged.length - 1] = id;
        else merged.push(token);
      }
      return { ids: merged, count: seen };
    });
  }
  return merges;
}

describe("learnMerges", () => {
  it("does what a hand does", () => {
    // Pairs of "abab" × 3 and "bc" × 4: ab 6, ba 3, bc 4. After ab = 4: (4,4) 3, bc 4. After bc = 5: (4,4) 3.
    const words = [wordOf("abab", 3), wordOf("bc", 4)];
    const merges = [
      { left: 0, right: 1 },
      { left: 1, right: 2 },
      { left: 4, right: 4 },
    ];
    expect(learnMerges(words, defaults)).toEqual(merges);
    expect(learnMerges(words, { ...defaults, count: 2 })).toEqual(merges.slice(0, 2));
    expect(learnMerges(words, { ...defaults, minFrequency: 4 })).toEqual(merges.slice(0, 2));
    expect(learnMerges(words, { ...defaults, maxTokenLength: 3 })).toEqual(merges.slice(0, 2));
  });

  it("merges runs from the left", () => {
    // (a,a) stands in "aaaaa" four times; it becomes aa aa a.
    expect(learnMerges([wordOf("aaaaa", 2)], defaults)).toEqual([
      { left: 0, right: 0 },
      { left: 4, right: 0 },
      { left: 4, right: 5 },
    ]);
  });

  it("takes the pair of the smaller ids between equally frequent ones", () => {
    const words = [wordOf("db", 5), wordOf("da", 5), wordOf("bc", 5)];
    expect(learnMerges(words, { ...defaults, count: 3 })).toEqual([
      { left: 1, right: 2 },
      { left: 3, right: 0 },
      { left: 3, right: 1 },
    ]);
  });

  it("makes no token that has the name of another", () => {
    const [first] = learnMerges([wordOf("ab", 9), wordOf("cd", 3)], { ...defaults, tokens: [...letters, "ab"] });
    expect(first).toEqual({ left: 2, right: 3 });
  });

  it("equals counting all pairs anew before each merge, in any order of the words", () => {
    const word = fc.tuple(fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 12 }), fc.nat(5));
    fc.assert(
      fc.property(
        fc
          .array(word, { minLength: 1, maxLength: 12 })
          .chain((corpus) => fc.tuple(fc.constant(corpus), fc.shuffledSubarray(corpus, { minLength: corpus.length }))),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(30),
        ([corpus, shuffled], minFrequency, maxTokenLength, count) => {
          const toWords = (pairs: typeof corpus): CountedWord[] => pairs.map(([text, seen]) => wordOf(text, seen + 1));
          const options = { ...defaults, minFrequency, maxTokenLength, count };
          const merges = learnMerges(toWords(corpus), options);
          expect(merges).toEqual(learnNaively(toWords(corpus), options));
          expect(merges).toEqual(learnMerges(toWords(shuffled), options));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("leaves the words as they are, tells how far it is, and stops when asked to", () => {
    const words = [wordOf("abab", 3)];
    const calls: number[][] = [];
    learnMerges(words, { ...defaults, count: 5, onProgress: (...call) => calls.push(call) });
    expect(words).toEqual([wordOf("abab", 3)]);
    expect(calls).toEqual([
      [0, 5],
      [5, 5],
    ]);
    try {
      learnMerges(words, { ...defaults, signal: AbortSignal.abort() });
      expect.unreachable();
    } catch (error) {
      expect(DynamoError.is(error) && error.code).toBe("aborted");
    }
  });
});
