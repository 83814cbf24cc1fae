import fc from "fast-check";
import { expect, it } from "vitest";
import { suffixIndex } from "./suffix-index.js";

/** By trying: what followed an earlier place of the longest part of the end, `more` behind it; every legal answer. */
function followers(
  text: readonly number[],
  more: readonly number[],
): { length: number; tokens: Set<number | undefined> } {
  const all = [...text, ...more];
  for (let length = all.length; length > 0; length--) {
    const end = all.slice(-length);
    const tokens = new Set<number | undefined>();
    // An earlier place is one that lies in the text, and is not the end itself where nothing is behind it.
    for (let at = 0; at + length <= text.length - (more.length === 0 ? 1 : 0); at++)
      if (end.every((token, i) => text[at + i] === token)) tokens.add(text[at + length]);
    if (tokens.size > 0) return { length, tokens };
  }
  return { length: 0, tokens: new Set() };
}

const tokens = (most: number): fc.Arbitrary<number[]> => fc.array(fc.nat({ max: most }), { maxLength: 40 });

it("finds what followed the longest part of the end before, as trying every place does", () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 4 }).chain((most) => fc.tuple(tokens(most), tokens(most))),
      ([text, rest]) => {
        const index = suffixIndex();
        for (const [i, token] of text.entries()) {
          index.push(token);
          const more = rest.slice(0, i % 4);
          const known = text.slice(0, i + 1);
          const expected = followers(known, more);
          const found = index.after(more);
          if (found === undefined) {
            // Nothing, or only a place that the text ends behind.
            expect(expected.length === 0 || expected.tokens.has(undefined)).toBe(true);
            continue;
          }
          expect(found.length).toBe(expected.length);
          expect(expected.tokens.has(found.token)).toBe(true);
        }
      },
    ),
    { numRuns: 500 },
  );
});

it("prefers what followed last", () => {
  const index = suffixIndex();
  for (const token of [1, 2, 3, 1, 2, 4, 1, 2]) index.push(token);
  expect(index.after([])).toEqual({ token: 4, length: 2 });
  expect(index.after([3])).toEqual({ token: 1, length: 3 });
});

it("needs time and memory in proportion to the text", () => {
  const index = suffixIndex();
  // A text without an end of repetitions is the automaton's hardest.
  for (let i = 0; i < 200_000; i++) index.push(i % 3 === 2 ? 7 : i % 5);
  expect(index.after([])).toBeDefined();
});
