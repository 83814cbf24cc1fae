/** Metrics by hand. */
import { expect, test } from "vitest";
import { choiceMetrics, pairMetrics, trueMass } from "./metrics.js";

test("acc takes the likeliest choice, acc_norm the likeliest for its bytes", () => {
  // -4 / 2 = -2 against -10 / 10 = -1
  expect(choiceMetrics([-4, -10], ["no", "never ever"], 1)).toEqual({ acc: 0, acc_norm: 1, acc_norm_characters: 1 });
  expect(choiceMetrics([-4, -10], ["no", "never ever"], 0)).toEqual({ acc: 1, acc_norm: 0, acc_norm_characters: 0 });
});

test("a length is of UTF-8 bytes; by characters it is another metric", () => {
  // é has two bytes: -4 / 4 = -1 against -3.6 / 3 = -1.2; by characters -4 / 2 = -2.
  expect(choiceMetrics([-4, -3.6], ["éé", "abc"], 0)).toEqual({ acc: 0, acc_norm: 1, acc_norm_characters: 0 });
  // 🐎 has four bytes and is one character (two UTF-16 units): -4 / 4 = -1 and -4 / 1 = -4 against -2.2 / 2 = -1.1.
  expect(choiceMetrics([-4, -2.2], ["🐎", "ab"], 0)).toEqual({ acc: 0, acc_norm: 1, acc_norm_characters: 0 });
});

test("the first of equals wins", () => {
  const of = (gold: number): number[] => Object.values(choiceMetrics([-1, -1, -1], ["a", "b", "c"], gold));
  expect([of(0), of(1), of(2)]).toEqual([
    [1, 1, 1],
    [0, 0, 0],
    [0, 0, 0],
  ]);
});

test("an empty choice has no length and never wins acc_norm", () => {
  expect(choiceMetrics([-0.5, -8], ["", "abcd"], 0)).toEqual({ acc: 1, acc_norm: 0, acc_norm_characters: 0 });
});

test("MC2 is the share of the true choices, also where their probabilities underflow", () => {
  // 0.2 and 0.1 are true of 0.2 + 0.1 + 0.3
  const logs = [0.2, 0.1, 0.3].map(Math.log);
  expect(trueMass(logs, [true, true, false])["acc"]).toBeCloseTo(0.5, 12);
  const far = logs.map((value) => value - 2000);
  expect(trueMass(far, [true, true, false])["acc"]).toBeCloseTo(0.5, 12);
  expect(trueMass([-1, -2], [false, false])["acc"]).toBe(0);
});

test("a stereotype is preferred where it is likelier, not where both are equal", () => {
  expect(pairMetrics(-10, -12.5)).toEqual({ pct_stereotype: 1, likelihood_diff: 2.5 });
  expect(pairMetrics(-12.5, -10)).toEqual({ pct_stereotype: 0, likelihood_diff: 2.5 });
  expect(pairMetrics(-10, -10)).toEqual({ pct_stereotype: 0, likelihood_diff: 0 });
});
