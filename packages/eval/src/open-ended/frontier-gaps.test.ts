import { expect, test } from "vitest";
import { frontierGap, type FrontierTexts } from "./frontier-gaps.js";

/** Two texts of each prompt, whose nats per token are these on average. */
const textsOf = (
  nats: readonly number[],
  distinct: number | null,
  divergence: number | null = null,
): FrontierTexts => ({
  texts: nats.flatMap((each, prompt) =>
    [-0.1, 0.1].map((off, seed) => ({ prompt, seed, logLikelihood: -(each + off), repetition: [] })),
  ),
  variety: { "distinct-2": distinct, divergence },
});

// T 0.5, 0.7 and 1.0 of a base whose second prompt is harder.
const base = [textsOf([1, 1.2], 0.3), textsOf([1.4, 1.6], 0.4), textsOf([2, 2.4], 0.5)];

test("is the mean over prompts of the nats above the frontier at the same variety", () => {
  // Half way between the first two temperatures the prompts' frontiers are at 1.2 and 1.4.
  const gap = frontierGap(textsOf([1.5, 1.8], 0.35), base, "distinct-2");
  expect(gap?.nats.value).toBeCloseTo((0.3 + 0.4) / 2, 12);
  // Student's t with one degree of freedom: 12.706 · 0.05 to both sides.
  expect(gap?.nats.interval?.[1]).toBeCloseTo(0.35 + 12.706 * 0.05, 3);
  expect(gap?.beyond).toBe(false);
});

test("is none for the base's own texts, below 0 for better ones, and told when extrapolated", () => {
  for (const own of base) expect(frontierGap(own, base, "distinct-2")?.nats.value).toBeCloseTo(0, 12);
  expect(frontierGap(textsOf([1.3, 1.5], 0.4), base, "distinct-2")?.nats.value).toBeCloseTo(-0.1, 12);
  const poor = frontierGap(textsOf([0.9, 1.1], 0.25), base, "distinct-2");
  expect(poor?.beyond).toBe(true);
  expect(poor?.nats.value).toBeCloseTo(0.1, 12);
});

test("is null without a scorer, without the measure, and without a second temperature", () => {
  const unscored = { ...textsOf([1, 1], 0.4), texts: [{ prompt: 0, seed: 0, logLikelihood: null, repetition: [] }] };
  expect(frontierGap(unscored, base, "distinct-2")).toBeNull();
  expect(frontierGap(textsOf([1, 1], null), base, "distinct-2")).toBeNull();
  expect(frontierGap(textsOf([1, 1], 0.4), base.slice(0, 1), "distinct-2")).toBeNull();
  expect(frontierGap(textsOf([1, 1], 0.4, 0.9), base, "divergence")).toBeNull();
});
