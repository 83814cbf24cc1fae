import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { initialLossScale, nextLossScale, type LossScale } from "./loss-scale.js";

/** The scale after steps that went well or not; undefined where no scale was small enough. */
function after(steps: readonly boolean[], start = initialLossScale): LossScale | undefined {
  try {
    return steps.reduce(nextLossScale, start);
  } catch {
    return undefined;
  }
}

const runs = fc
  .array(fc.record({ good: fc.nat(4500), overflows: fc.nat(3) }), { maxLength: 5 })
  .map((parts) =>
    parts.flatMap(({ good, overflows }) => [
      ...new Array<boolean>(good).fill(true),
      ...new Array<boolean>(overflows).fill(false),
    ]),
  );

/** GradScaler's rule, by the lengths of what lies between overflows. */
function expected(steps: readonly boolean[]): number {
  const stretches = steps
    .map((finite) => (finite ? "+" : "-"))
    .join("")
    .split("-");
  return stretches.reduce(
    (exponent, stretch, i) => exponent + Math.floor(stretch.length / 2000) - (i < stretches.length - 1 ? 1 : 0),
    16,
  );
}

describe("a loss scale", () => {
  test("halves at an overflow and doubles after 2,000 good steps", () => {
    const { scale, goodSteps } = initialLossScale;
    expect(nextLossScale(initialLossScale, false)).toEqual({ scale: scale / 2, goodSteps: 0, skipped: 1 });
    const almost = after(new Array<boolean>(1999).fill(true)) as LossScale;
    expect(almost).toEqual({ scale, goodSteps: goodSteps + 1999, skipped: 0 });
    expect(nextLossScale(almost, true)).toEqual({ scale: 2 * scale, goodSteps: 0, skipped: 0 });
    expect(nextLossScale(almost, false)).toEqual({ scale: scale / 2, goodSteps: 0, skipped: 1 });
  });

  test("is GradScaler's after any steps: a power of two, from 1 on, with what was skipped counted", () => {
    fc.assert(
      fc.property(runs, (steps) => {
        const result = after(steps);
        if (result === undefined) return false;
        expect(Math.log2(result.scale)).toBe(expected(steps));
        expect(result.skipped).toBe(steps.filter((finite) => !finite).length);
        expect(result.goodSteps).toBeLessThan(2000);
        return result.scale >= 1;
      }),
      { numRuns: 50 },
    );
  });

  test("is the same whether a run is interrupted or not", () => {
    fc.assert(
      fc.property(runs, fc.nat(30_000), (steps, at) => {
        const half = after(steps.slice(0, at)) as LossScale;
        expect(after(steps.slice(at), JSON.parse(JSON.stringify(half)) as LossScale)).toEqual(after(steps));
      }),
      { numRuns: 50 },
    );
  });

  test("never falls under 1: that is an error", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60 }), (exponent) => {
        const start = { scale: 2 ** exponent, goodSteps: 0, skipped: 0 };
        expect(after(new Array<boolean>(exponent).fill(false), start)?.scale).toBe(1);
        expect(after(new Array<boolean>(exponent + 1).fill(false), start)).toBeUndefined();
      }),
    );
    expect(() => nextLossScale({ scale: 1, goodSteps: 5, skipped: 0 }, false)).toThrow(/at every loss scale down to 1/);
  });

  test("stops growing where its inverse's square would be no normal number of float32", () => {
    const largest = nextLossScale({ scale: 2 ** 60, goodSteps: 1999, skipped: 3 }, true);
    expect(largest).toEqual({ scale: 2 ** 60, goodSteps: 0, skipped: 3 });
    expect(Math.fround(largest.scale ** -2)).toBeGreaterThan(2 ** -126);
  });
});
