import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextSource, sharesOf } from "./mixture.js";

function draw(weights: readonly number[], times: number): number[] {
  const drawn = weights.map(() => 0);
  const shares = sharesOf(weights);
  for (let i = 0; i < times; i++) {
    const source = nextSource(shares, drawn);
    drawn[source] = (drawn[source] ?? 0) + 1;
  }
  return drawn;
}

describe("nextSource", () => {
  it("keeps every source within a few windows of its share at all times", () => {
    const weights = fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 500 }), (given, times) => {
        for (const [i, count] of draw(given, times).entries())
          expect(Math.abs(count - (sharesOf(given)[i] ?? 0) * times)).toBeLessThan(given.length);
      }),
    );
  });

  it("draws by weights to the window", () => {
    expect(draw([7, 2, 1], 1000)).toEqual([700, 200, 100]);
  });

  it("never draws a source without a share", () => {
    expect(draw([0, 1, 0], 50)).toEqual([0, 50, 0]);
  });
});
