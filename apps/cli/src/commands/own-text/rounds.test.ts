/** Which pieces are asked for: those that are needed for sure, then those that are likely to be. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { nextRound, writeInRounds } from "./rounds.js";
import type { Piece, WrittenText } from "./own-text.js";

const firsts = (...given: Parameters<typeof nextRound>): number[] => nextRound(...given).map(({ job }) => job.first);
const rounds = { wanted: 100, textsPerPiece: 4, maxNewTokens: 10 };

test("at first the fewest texts that can have so many tokens, then as many as their mean length says", () => {
  // 100 tokens are 10 texts of 10 at least: three pieces of four.
  expect(firsts({ texts: 0, tokens: 0 }, rounds)).toEqual([0, 4, 8]);
  // 12 texts had 60 tokens; the 40 that are missing are 8 texts of 5.
  expect(firsts({ texts: 12, tokens: 60 }, rounds)).toEqual([12, 16]);
  // The piece that the file ends in is asked for again.
  expect(firsts({ texts: 18, tokens: 90 }, rounds)).toEqual([16]);
  // A mean of few texts is not trusted far: two texts more, and not 990.
  expect(firsts({ texts: 10, tokens: 1 }, { ...rounds, maxNewTokens: 50 })).toEqual([8, 12, 16]);
});

/** Texts as a model might end them, and a file in memory. */
const lengths = (seed: number, most: number) => (i: number) =>
  Math.floor(Math.abs(Math.sin(seed + i * 12.9898) * 43758.5453) % (most + 1));

test("the file is the same whatever the pieces, the order in which they come, and where it was begun", async () => {
  const run = fc.record({
    seed: fc.nat(1000),
    wanted: fc.integer({ min: 1, max: 400 }),
    textsPerPiece: fc.integer({ min: 1, max: 9 }),
    maxNewTokens: fc.integer({ min: 1, max: 20 }),
    begun: fc.nat(30),
    shuffle: fc.infiniteStream(fc.nat()),
  });
  await fc.assert(
    fc.asyncProperty(run, async ({ seed, wanted, begun, shuffle, ...sizes }) => {
      const tokensOf = lengths(seed, sizes.maxNewTokens);
      const text = (i: number): WrittenText => ({ text: `${i}`, temperature: 1, seed: i, tokens: tokensOf(i) });
      const expected: WrittenText[] = [];
      for (let tokens = 0; tokens < wanted; tokens += expected.at(-1)?.tokens ?? 0)
        expected.push(text(expected.length));
      const lines = expected.slice(0, Math.min(begun, expected.length - 1));
      const file = {
        get texts() {
          return lines.length;
        },
        get tokens() {
          return lines.reduce((sum, { tokens }) => sum + tokens, 0);
        },
        append: (line: WrittenText) => Promise.resolve(void lines.push(line)),
        close: () => Promise.resolve(),
      };
      const compute = async (
        pending: readonly { index: number; job: Piece }[],
        put: (index: number, result: string) => Promise<void>,
      ): Promise<void> => {
        const drawn = pending.map((each) => ({ each, key: shuffle.next().value as number }));
        for (const { each } of drawn.sort((a, b) => a.key - b.key)) {
          const { first, count } = each.job;
          await put(each.index, JSON.stringify(Array.from({ length: count }, (_, i) => text(first + i))));
        }
      };
      await writeInRounds(file, compute, { wanted, ...sizes, onProgress: () => undefined });
      expect(lines).toEqual(expected);
    }),
  );
});
