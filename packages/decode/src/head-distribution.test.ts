import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { headDistribution } from "./head-distribution.js";
import { autoregressive } from "./autoregressive.js";

const candidates = fc
  .array(fc.double({ min: -8, max: 8, noNaN: true }), { minLength: 1, maxLength: 30 })
  .map((values) => ({
    ids: Int32Array.from(values.keys()),
    logits: Float32Array.from(values).sort().reverse(),
    logSumExp: 0,
  }));

describe("a head's distribution", () => {
  it("sums to 1, and with topP is the shortest beginning of the whole one that reaches it", () => {
    fc.assert(
      fc.property(
        candidates,
        fc.constantFrom(0.5, 1, 3),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        (head, temperature, topP) => {
          const whole = headDistribution(head, { temperature });
          const { ids, probabilities } = headDistribution(head, { temperature, topP }, new Float64Array(64));
          const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
          expect(sum(whole.probabilities)).toBeCloseTo(1, 12);
          expect(sum(probabilities)).toBeCloseTo(1, 12);
          expect(ids).toEqual(whole.ids.subarray(0, ids.length));
          const reached = sum(whole.probabilities.subarray(0, ids.length));
          expect(reached).toBeGreaterThan(topP - 1e-12);
          expect(sum(whole.probabilities.subarray(0, ids.length - 1))).toBeLessThan(topP + 1e-12);
          for (const [rank, p] of probabilities.entries())
            expect(p * reached).toBeCloseTo(whole.probabilities[rank] as number, 12);
        },
      ),
    );
  });

  it("has a nucleus of at least one token, and refuses none", () => {
    const head = { ids: Int32Array.of(3, 1), logits: Float32Array.of(1, 1), logSumExp: 0 };
    expect(headDistribution(head, { temperature: 1, topP: 1e-9 })).toEqual({
      ids: Int32Array.of(3),
      probabilities: Float64Array.of(1),
    });
    for (const topP of [0, -1, 1.1, Number.NaN]) expect(() => autoregressive({ topP })).toThrow(/topP must be/);
  });

  it("is the likeliest token's alone at a temperature next to nothing, whatever else leaves tokens out", () => {
    const head = { ids: Int32Array.of(3, 1), logits: Float32Array.of(2, 1), logSumExp: 0 };
    for (const options of [{}, { typicalP: 0.2 }, { minP: 0.5, typicalP: 0.9 }]) {
      const { ids, probabilities } = headDistribution(head, { temperature: 1.5e-323, ...options });
      expect([ids[0], probabilities[0], ids.length === 1 || probabilities[1] === 0]).toEqual([3, 1, true]);
    }
  });
});
