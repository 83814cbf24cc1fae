import fc from "fast-check";
import { expect, test } from "vitest";
import { bestOf, fastestWithin, lossOf, stages, untried, type Trial } from "./choose.js";

const estimate = (value: number): Trial["speedup"] => ({ value, interval: null });
const trial = fc
  .record({
    backoff: fc.constantFrom(0.1, 0.3, 0.5, 0.7),
    maskStrength: fc.constantFrom(0.5, 1),
    topK: fc.integer({ min: 2, max: 50 }),
    speedup: fc.double({ min: 0.5, max: 3, noNaN: true }),
    perplexity: fc.double({ min: 0.5, max: 2, noNaN: true }),
    variety: fc.double({ min: 0.2, max: 1.5, noNaN: true }),
  })
  .map(({ speedup, perplexity, variety, ...setting }): Trial => ({
    ...{ setting, prompts: "search", speedup: estimate(speedup), tokensPerPass: 2 },
    ...{ perplexityRatio: estimate(perplexity), varietyRatio: estimate(variety) },
  }));
const share = fc.double({ min: 0, max: 1, noNaN: true });

test("nothing outside the tolerance is chosen, nothing slower than the base, and the fastest inside is first", () => {
  fc.assert(
    fc.property(fc.array(trial), share, (trials, tolerance) => {
      const found = fastestWithin(trials, tolerance);
      for (const { speedup, perplexityRatio, varietyRatio } of found) {
        expect(speedup.value).toBeGreaterThan(1);
        expect(perplexityRatio.value).toBeLessThanOrEqual(1 + tolerance + 1e-12);
        expect(varietyRatio.value).toBeGreaterThanOrEqual(1 - tolerance - 1e-12);
        expect(speedup.value).toBeLessThanOrEqual(found[0]?.speedup.value ?? 0);
      }
      const left = trials.filter((each) => !found.includes(each));
      for (const each of left) expect(each.speedup.value <= 1 || lossOf(each) > tolerance).toBe(true);
    }),
  );
});

test("the more is allowed, the faster it gets", () => {
  fc.assert(
    fc.property(fc.array(trial, { minLength: 1 }), share, share, (trials, a, b) => {
      const fastest = (tolerance: number): number => fastestWithin(trials, tolerance)[0]?.speedup.value ?? 0;
      expect(fastest(Math.max(a, b))).toBeGreaterThanOrEqual(fastest(Math.min(a, b)));
    }),
  );
});

test("likelihood that is gained by repetition is a loss, and being better by both is none", () => {
  const of = (perplexity: number, variety: number): number =>
    lossOf({ perplexityRatio: estimate(perplexity), varietyRatio: estimate(variety) });
  expect(of(0.7, 0.6)).toBeCloseTo(0.4, 12);
  expect(of(1.1, 1.2)).toBeCloseTo(0.1, 12);
  expect(of(0.9, 1.2)).toBe(0);
});

test("where nothing is within, the search goes on from what is faster and lost least", () => {
  const make = (backoff: number, speedup: number, variety: number): Trial => ({
    setting: { backoff, maskStrength: 1, topK: 20 },
    ...{ prompts: "search", speedup: estimate(speedup), tokensPerPass: 2 },
    ...{ perplexityRatio: estimate(1), varietyRatio: estimate(variety) },
  });
  const trials = [make(0.1, 2, 0.5), make(0.5, 1.5, 0.8), make(0.9, 0.9, 1)];
  expect(bestOf(trials, 0.05)?.setting.backoff).toBe(0.5);
  expect(bestOf(trials, 0.6)?.setting.backoff).toBe(0.1);
  expect(bestOf([], 0.05)).toBeUndefined();
});

test("stages try each setting once, and stay in range", () => {
  fc.assert(
    fc.property(trial, fc.array(trial), ({ setting }, trials) => {
      for (const stage of stages) {
        const next = untried(stage(setting), trials);
        for (const { backoff, maskStrength, topK } of next) {
          expect(backoff >= 0 && backoff <= 1 && maskStrength >= 0 && maskStrength <= 1 && topK >= 2).toBe(true);
          expect(trials.map((each) => each.setting)).not.toContainEqual({ backoff, maskStrength, topK });
        }
      }
    }),
  );
});
