import fc from "fast-check";
import { expect, it } from "vitest";
import { mergeTable } from "./merge-table.js";
import { mergeWord } from "./merge-word.js";

/** Four letters, and merges of any tokens so far. */
const merges = fc
  .array(fc.tuple(fc.nat(30), fc.nat(30)), { minLength: 1, maxLength: 20 })
  .map((pairs) => pairs.map(([left, right], i) => [left % (4 + i), right % (4 + i), 4 + i] as const));

/** The rule itself, pair by pair. */
function plainly(word: readonly number[], triples: readonly (readonly [number, number, number])[]): number[] {
  const tokens = [...word];
  for (;;) {
    const ranks = tokens.map((token, at) =>
      triples.findLastIndex(([left, right]) => left === token && right === tokens[at + 1]),
    );
    const lowest = Math.min(...ranks.filter((rank) => rank >= 0));
    if (lowest === Infinity) return tokens;
    tokens.splice(ranks.indexOf(lowest), 2, (triples[lowest] as readonly [number, number, number])[2]);
  }
}

it("merges short and long words by the rule: the lowest rank first, among equals the leftmost", () => {
  fc.assert(
    fc.property(merges, fc.array(fc.nat(3), { minLength: 1, maxLength: 60 }), (triples, word) => {
      const tokens = Int32Array.from(word);
      const length = mergeWord(tokens, tokens.length, mergeTable(Int32Array.from(triples.flat())));
      expect([...tokens.subarray(0, length)]).toEqual(plainly(word, triples));
    }),
    { numRuns: 500 },
  );
});

it("merges a very long word", () => {
  const tokens = new Int32Array(300_000);
  const doubling = Array.from({ length: 8 }, (_, i) => [i, i, i + 1]).flat();
  const length = mergeWord(tokens, tokens.length, mergeTable(Int32Array.from(doubling)));
  // 1,171 × 256, and 128, 64 and 32 once.
  expect([length, tokens[0]]).toEqual([1174, 8]);
});
