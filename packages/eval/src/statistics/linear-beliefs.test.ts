/** Against closed forms, and lines that are known. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { linearBeliefs } from "./linear-beliefs.js";

test("of a level alone: the mean by precision, with the prior's one observation of 0 give or take 1", () => {
  const belief = linearBeliefs(
    [
      { x: [1], y: 2, error: 0.5 },
      { x: [1], y: 4, error: 1 },
    ],
    0.3,
  )([1]);
  expect(belief.value).toBeCloseTo((4 * 2 + 4) / (4 + 1 + 1), 12);
  expect(belief.error).toBeCloseTo(1 / Math.sqrt(6), 12);
});

test("a line that is observed surely is found, and is less sure away from what was observed", () => {
  const number = fc.double({ min: -1, max: 1, noNaN: true });
  fc.assert(
    fc.property(number, number, number, (level, a, b) => {
      const yOf = ([, s = 0, t = 0]: readonly number[]): number => level + a * s + b * t;
      const xs = [-1, -0.5, 0, 0.5, 1].flatMap((s) => [-1, 1].map((t) => [1, s, t]));
      const beliefs = linearBeliefs(
        xs.map((x) => ({ x, y: yOf(x), error: 1e-4 })),
        0.3,
      );
      for (const x of [...xs, [1, 0.3, 0.2]]) expect(beliefs(x).value).toBeCloseTo(yOf(x), 4);
      expect(beliefs([1, 4, 4]).error).toBeGreaterThan(beliefs([1, 0, 0]).error);
    }),
  );
});

test("of nothing, nothing is known", () => {
  expect(linearBeliefs([], 0.3)([1, 2])).toEqual({ value: 0, error: 1 });
});
