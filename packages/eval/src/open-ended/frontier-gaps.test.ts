import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { jackknifeInterval, meanEstimate } from "../statistics/intervals.js";
import { criticalT } from "../statistics/student.js";
import { frontierGap, type FrontierTexts } from "./frontier-gaps.js";
import { distinct, distinctWithoutEach } from "./repetition.js";

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

interface Made {
  readonly base: readonly (readonly MadeText[])[];
  readonly setting: readonly MadeText[];
  readonly distinct2: number;
  readonly gap: number;
  readonly jackknifeError: number;
  readonly bootstrapError: number;
}
interface MadeText {
  readonly prompt: number;
  readonly words: readonly string[];
  readonly nats: number;
}

const fixture = new URL("__fixtures__/frontier-gap.json", import.meta.url);

test("is numpy's of the same texts, with its error of varieties and likelihoods together", async () => {
  const made = JSON.parse(await readFile(fixture, "utf8")) as Made;
  const measured = (texts: readonly MadeText[]): FrontierTexts => {
    const variety = distinct(
      texts.map(({ words }) => words),
      2,
    );
    return {
      texts: texts.map(({ prompt, nats }) => ({ prompt, logLikelihood: -nats })),
      variety: { "distinct-2": variety, divergence: null },
      distinctWithout: distinctWithoutEach(texts, 2),
    };
  };
  expect(measured(made.setting).variety["distinct-2"]).toBeCloseTo(made.distinct2, 12);
  const gap = frontierGap(measured(made.setting), made.base.map(measured), "distinct-2");
  expect(gap?.nats.value).toBeCloseTo(made.gap, 9);
  const error = ((gap?.nats.interval?.[1] ?? 0) - (gap?.nats.value ?? 0)) / criticalT(23);
  expect(error).toBeCloseTo(made.jackknifeError, 9);
  // Another way to the same error.
  expect(error / made.bootstrapError).toBeGreaterThan(0.75);
  expect(error / made.bootstrapError).toBeLessThan(1.35);
});

test("a jackknife of a mean is the mean's own interval", () => {
  const numbers = fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 2, maxLength: 20 });
  fc.assert(
    fc.property(numbers, (values) => {
      const sum = values.reduce((total, each) => total + each, 0);
      const without = values.map((each) => (sum - each) / (values.length - 1));
      const [own, jackknife] = [meanEstimate(values), jackknifeInterval(sum / values.length, without)];
      for (const end of [0, 1] as const) expect(jackknife?.[end]).toBeCloseTo(own?.interval?.[end] ?? NaN, 6);
    }),
  );
  expect(jackknifeInterval(1, [1])).toBeNull();
});

test("distinct-n without each prompt is distinct-n of the other prompts' texts", () => {
  const word = fc.constantFrom("a", "b", "c", "d");
  const texts = fc.array(fc.record({ prompt: fc.integer({ min: 0, max: 3 }), words: fc.array(word) }));
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 3 }), (all, n) => {
      const without = distinctWithoutEach(all, n);
      expect([...without.keys()].sort()).toEqual([...new Set(all.map(({ prompt }) => prompt))].sort());
      for (const [prompt, value] of without) {
        const others = all.filter((text) => text.prompt !== prompt).map(({ words }) => words);
        expect(value).toBe(distinct(others, n));
      }
    }),
  );
});
