import type { Candidates } from "@dynamo/core";
import { topCandidates } from "@dynamo/core/testing";
import fc from "fast-check";
import { expect, it } from "vitest";
import { drawChain, expectedAgreement } from "./chain.js";
import { chiSquaredLimit } from "./chi-squared.js";
import { resolve } from "./options.js";
import { createRandom } from "./random.js";

const vocabularySize = 5;
const first = [1, 0, 0.5, 2, 0.2];
const second = [0, 1, 0.3, 0.4, 1.2];
/** What the token between adds to the second head's logits. */
const added = (token: number, id: number): number => 2 * Math.sin(3 * token + 5 * id);

const candidates = (): Candidates[] => {
  const own = topCandidates([...second], vocabularySize);
  const conditional = {
    ids: own.ids,
    logits: own.logits,
    addBehind(between: ArrayLike<number>, ids: ArrayLike<number> | undefined, into: Float32Array | Float64Array): void {
      for (let i = 0; i < into.length; i++) into[i] = (into[i] ?? 0) + added(between[0] ?? -1, ids?.[i] ?? i);
    },
  };
  return [topCandidates([...first], vocabularySize), { ...own, conditional }];
};

const softmax = (logits: readonly number[]): number[] => {
  const weights = logits.map((logit) => Math.exp(logit));
  const total = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / total);
};
const behind = (token: number): number[] => softmax(second.map((logit, id) => logit + added(token, id)));
const entropy = (q: readonly number[]): number => -q.reduce((sum, p) => sum + p * Math.log(p), 0);

const draw = (random: () => number, backoff: number, penalty = 1, context: readonly number[] = []): number[] => {
  const options = resolve({ temperature: 1, backoff, repetitionPenalty: penalty, joint: "chain" }, {});
  return drawChain(candidates(), Int32Array.from(context), undefined, options, random);
};

it("draws from the product of the distributions at ε_b 0", () => {
  const random = createRandom(3, 0);
  const draws = 20_000;
  const seen = new Map<string, number>();
  for (let i = 0; i < draws; i++) {
    const tuple = draw(random, 0).join();
    seen.set(tuple, (seen.get(tuple) ?? 0) + 1);
  }
  let statistic = 0;
  for (const [x, p] of softmax(first).entries())
    for (const [y, q] of behind(x).entries())
      statistic += ((seen.get(`${x},${y}`) ?? 0) - draws * p * q) ** 2 / (draws * p * q);
  expect(statistic).toBeLessThan(chiSquaredLimit(vocabularySize ** 2 - 1));
});

it("takes the second token where the heads are expected to agree by more than ε_b, and never at 1", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 1e6 }), (backoff, seed) => {
      const tuple = draw(createRandom(seed, 0), backoff);
      const agreement = Math.exp(-0.27 * entropy(behind(tuple[0] ?? -1)));
      if (Math.abs(agreement - backoff) < 1e-6) return;
      expect(tuple).toHaveLength(agreement > backoff ? 2 : 1);
    }),
  );
  expect(draw(createRandom(1, 0), 1)).toHaveLength(1);
});

it("lowers tokens that stand in the context, or before in the tuple", () => {
  const share = (penalty: number): number => {
    const random = createRandom(5, 0);
    let repeated = 0;
    for (let i = 0; i < 5000; i++) {
      const [x = -1, y = -1] = draw(random, 0, penalty, [2]);
      if (x === 2 || y === 2 || x === y) repeated++;
    }
    return repeated / 5000;
  };
  expect(share(1)).toBeGreaterThan(0.1);
  expect(share(1e9)).toBe(0);
});

it("expects full agreement of a head that is certain, and less the more it doubts", () => {
  expect(expectedAgreement(Float64Array.of(0, 1, 0))).toBe(1);
  expect(expectedAgreement(Float64Array.of(0.5, 0.5))).toBeCloseTo(2 ** -0.27, 9);
});
