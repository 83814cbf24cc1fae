import fc from "fast-check";
import { expect, test } from "vitest";
import { placeOnFrontier, type FrontierPoint } from "./frontier.js";

const natsAt = (points: readonly FrontierPoint[], variety: number): number | undefined =>
  placeOnFrontier(points, variety)?.parts.reduce(
    (sum, { point, share }) => sum + share * (points[point]?.nats ?? NaN),
    0,
  );

test("the issue's base: between two temperatures, at them, and beyond the last", () => {
  const base = [
    [1.19, 0.354],
    [1.34, 0.417],
    [1.55, 0.496],
    [1.82, 0.559],
    [2.24, 0.648],
  ].map(([nats = 0, variety = 0]) => ({ nats, variety }));
  expect(natsAt(base, 0.417)).toBeCloseTo(1.34, 12);
  expect(natsAt(base, 0.43)).toBeCloseTo(1.34 + (0.21 * 0.013) / 0.079, 12);
  expect(placeOnFrontier(base, 0.43)?.beyond).toBe(false);
  // dynamo's 1.38 at .333: a third of a step below the first temperature.
  expect(natsAt(base, 0.333)).toBeCloseTo(1.19 - (0.15 * 0.021) / 0.063, 12);
  expect(placeOnFrontier(base, 0.333)?.beyond).toBe(true);
  expect(placeOnFrontier(base, 0.7)?.beyond).toBe(true);
});

test("points on a line are on it, in any order; fewer than two varieties make no frontier", () => {
  const number = fc.double({ min: -10, max: 10, noNaN: true });
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 1, max: 50 }), { minLength: 2 }),
      number,
      number,
      number,
      (xs, a, b, at) => {
        const points = xs.map((variety) => ({ variety, nats: a + b * variety }));
        expect(natsAt(points, at)).toBeCloseTo(a + b * at, 6);
      },
    ),
  );
  expect(placeOnFrontier([], 1)).toBeNull();
  expect(
    placeOnFrontier(
      [
        { nats: 1, variety: 0.5 },
        { nats: 2, variety: 0.5 },
      ],
      0.5,
    ),
  ).toBeNull();
  expect(() => placeOnFrontier([{ nats: NaN, variety: 1 }], 1)).toThrow(/points must be a list of \{ nats, variety \}/);
});
