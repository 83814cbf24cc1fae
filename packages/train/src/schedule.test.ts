import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { scheduleFactor, type ScheduleOptions } from "./schedule.js";

const schedules = fc
  .record({
    shape: fc.constantFrom("cosine" as const, "constant" as const),
    steps: fc.integer({ min: 1, max: 300 }),
    warmUp: fc.double({ min: 0, max: 1, noNaN: true }),
    floor: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ warmUp, ...rest }): ScheduleOptions => ({ ...rest, warmUpSteps: Math.ceil(warmUp * rest.steps) }));
const all = (options: ScheduleOptions): number[] =>
  Array.from({ length: options.steps }, (_, step) => scheduleFactor(step, options));

describe("scheduleFactor", () => {
  test("rises in the warm-up, never at 0, to 1 at its last step; then never rises and never falls below the floor", () => {
    fc.assert(
      fc.property(schedules, (options) => {
        const factors = all(options);
        for (const [step, factor] of factors.entries()) {
          expect(factor).toBeLessThanOrEqual(1);
          const before = factors[step - 1] ?? 0;
          if (step < options.warmUpSteps) expect(factor).toBeGreaterThan(before);
          else expect(factor).toBeGreaterThanOrEqual(options.floor - 1e-12);
          if (step > options.warmUpSteps) expect(factor).toBeLessThanOrEqual(before + 1e-12);
        }
        if (options.warmUpSteps > 0) expect(factors[options.warmUpSteps - 1]).toBe(1);
      }),
      { numRuns: 25 },
    );
  });

  test("a constant one stays at 1 after the warm-up", () => {
    const options = { shape: "constant", steps: 10, warmUpSteps: 4, floor: 0 } as const;
    expect(all(options)).toEqual([0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1]);
  });

  test("a cosine is half-way down in the middle, and at the floor after the last step", () => {
    const options = { shape: "cosine", steps: 100, warmUpSteps: 0, floor: 0.2 } as const;
    expect(scheduleFactor(0, options)).toBe(1);
    expect(scheduleFactor(50, options)).toBeCloseTo(0.6, 12);
    expect(scheduleFactor(100, options)).toBeCloseTo(0.2, 12);
    expect(scheduleFactor(1000, options)).toBeCloseTo(0.2, 12);
  });

  test("a run of warm-up alone divides by nothing", () => {
    expect(all({ shape: "cosine", steps: 3, warmUpSteps: 3, floor: 0 })).toEqual([1 / 3, 2 / 3, 1]);
  });
});
