import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPermutation } from "./permutation.js";

const all = (length: number, keys: readonly number[]): number[] =>
  Array.from({ length }, (_, i) => i).map(createPermutation(length, keys));

describe("createPermutation", () => {
  it("visits every number once, for any length and keys", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3000 }),
        fc.array(fc.maxSafeInteger(), { maxLength: 3 }),
        (length, keys) => {
          expect(new Set(all(length, keys)).size).toBe(length);
          expect(Math.max(...all(length, keys))).toBe(length - 1);
        },
      ),
    );
  });

  it("stays below lengths beyond 32 bits and sends no two numbers to one place", () => {
    const length = 2 ** 50 + 1;
    const permute = createPermutation(length, [1]);
    const seen = new Set([0, 1, 2 ** 32, 2 ** 40, length - 1].map(permute));
    expect(seen.size).toBe(5);
    for (const value of seen) expect(Number.isSafeInteger(value) && value >= 0 && value < length).toBe(true);
  });

  it("differs with every key, also above 2^32 and below 0", () => {
    const orders = [[0], [1], [-1], [2 ** 32], [2 ** 33], [0, 1], [1, 0]].map((keys) => all(200, keys).join());
    expect(new Set(orders).size).toBe(orders.length);
  });

  it("sends each number anywhere about as often", () => {
    const counts = new Array<number>(10).fill(0);
    for (let seed = 0; seed < 10_000; seed++) {
      const place = createPermutation(10, [seed])(3);
      counts[place] = (counts[place] ?? 0) + 1;
    }
    // 1,000 expected; the standard deviation is 30.
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(180);
  });

  it("refuses lengths that it cannot hold", () => {
    for (const length of [0, 1.5, 2 ** 53])
      expect(() => createPermutation(length, [])).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });
});
