/** Properties of the statistics: symmetry, ties, intervals that shrink, crossings that are found. */
import { createRandom } from "@dynamo/decode";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clusteredMean, meanEstimate, ratioEstimate } from "./intervals.js";
import { crossingInterval, fitLine, lineAt } from "./regression.js";
import { sameQuality } from "./same-quality.js";
import { criticalT, cumulativeT } from "./student.js";
import { winRate, type Outcome } from "./win-rate.js";

const outcome = fc.constantFrom<Outcome>("win", "loss", "tie");
const prompts = fc.array(fc.array(outcome, { maxLength: 10 }), { minLength: 1, maxLength: 12 });
const swapped = (all: readonly (readonly Outcome[])[]): Outcome[][] =>
  all.map((own) => own.map((each) => (each === "win" ? "loss" : each === "loss" ? "win" : "tie")));
const close = (a: number, b: number): void => {
  expect(Math.abs(a / b - 1)).toBeLessThan(1e-9);
};
const width = (interval: readonly [number, number] | null): number =>
  interval === null ? Infinity : interval[1] - interval[0];

describe("Student's t", () => {
  test.each([
    [1, 12.7062047],
    [2, 4.3026527],
    [9, 2.2621572],
    [30, 2.0422725],
    [1000, 1.9623391],
  ])("of %i degrees, 95 %%", (freedom, expected) => {
    expect(criticalT(freedom)).toBeCloseTo(expected, 6);
  });
  test("of another level, and of none", () => {
    expect(criticalT(5, 0.99)).toBeCloseTo(4.032143, 6);
    expect(criticalT(0)).toBe(Infinity);
  });
  // Cauchy's with one degree: 1/2 + atan(t) / π; R's pt() of the others.
  test.each([
    [1, 1, 0.75],
    [-1, 1, 0.25],
    [2.2281389, 10, 0.975],
    [-1.8124611, 10, 0.05],
  ])("P(T < %d) of %i degrees is %d", (t, freedom, expected) => {
    expect(cumulativeT(t, freedom)).toBeCloseTo(expected, 6);
  });
});

describe("win rates", () => {
  test("are inverted, with their intervals, when the sides are swapped", () => {
    fc.assert(
      fc.property(prompts, (all) => {
        const [own, other] = [winRate(all), winRate(swapped(all))];
        expect([own.wins, own.losses, own.ties]).toEqual([other.losses, other.wins, other.ties]);
        if (own.rate === null || other.rate === null || own.interval === null || other.interval === null) {
          expect([own.rate, other.rate, own.interval, other.interval]).toEqual([null, null, null, null]);
          return;
        }
        close(own.rate * other.rate, 1);
        close(own.interval[0] * other.interval[1], 1);
        close((own.share ?? 0) + (other.share ?? 0), 1);
        expect(own.interval[0]).toBeLessThan(own.rate);
        expect(own.interval[1]).toBeGreaterThan(own.rate);
      }),
    );
  });

  test("do not move with ties, which pull the share to one half", () => {
    fc.assert(
      fc.property(prompts, fc.integer({ min: 1, max: 5 }), (all, ties) => {
        const before = winRate(all);
        const after = winRate(all.map((own) => [...own, ...new Array<Outcome>(ties).fill("tie")]));
        expect(after.rate).toBe(before.rate);
        expect(after.ties).toBe(before.ties + ties * all.length);
        expect(Math.abs((after.share ?? 0) - 0.5)).toBeLessThanOrEqual(Math.abs((before.share ?? 0.5) - 0.5));
      }),
    );
  });

  test("have narrower intervals, the more prompts of the same kind there are", () => {
    fc.assert(
      fc.property(prompts, fc.integer({ min: 2, max: 6 }), (all, times) => {
        const few = winRate(all);
        fc.pre(few.wins > 0 && few.losses > 0);
        const many = winRate(Array.from({ length: times }, () => all).flat());
        close(many.rate ?? NaN, few.rate ?? NaN);
        expect(width(many.interval)).toBeLessThan(width(few.interval));
      }),
    );
  });

  test("have wider intervals where the verdicts of a prompt go together", () => {
    const mixed: Outcome[][] = Array.from({ length: 8 }, () => ["win", "loss", "win", "loss"]);
    const together: Outcome[][] = Array.from({ length: 8 }, (_, i) =>
      new Array<Outcome>(4).fill(i % 2 ? "win" : "loss"),
    );
    expect(winRate(mixed).rate).toBe(1);
    expect(winRate(together).rate).toBe(1);
    expect(width(winRate(together).interval)).toBeGreaterThan(width(winRate(mixed).interval));
  });

  test("of a hand-counted case; of wins alone; of nothing but ties", () => {
    const { rate, interval, share } = winRate([["win", "win", "win", "loss", "tie"]]);
    expect(rate).toBe(3);
    expect(interval?.[0]).toBeCloseTo(3 * Math.exp(-1.959964 * Math.sqrt(4 / 3)), 5);
    expect(share).toBe(0.7);
    expect(winRate([["win", "win"], ["win"]])).toMatchObject({ wins: 3, losses: 0, rate: 7 });
    expect(winRate([["tie"]])).toEqual({ wins: 0, losses: 0, ties: 1, rate: null, interval: null, share: 0.5 });
    expect(winRate([])).toMatchObject({ rate: null, share: null });
  });
});

describe("95 %", () => {
  const repeats = 2000;
  const share = (covers: (random: () => number) => boolean): number => {
    const random = createRandom(7);
    let hits = 0;
    for (let i = 0; i < repeats; i++) if (covers(random)) hits++;
    return hits / repeats;
  };
  const normal = (random: () => number): number =>
    Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const holds = (interval: readonly [number, number] | null, truth: number): boolean =>
    interval !== null && interval[0] <= truth && truth <= interval[1];

  test("of win rates' intervals hold the truth, where a prompt's verdicts go together too", () => {
    for (const spread of [0, 0.25]) {
      const covered = share((random) => {
        // A win with probability ½ over all prompts: the true rate is 1.
        const all = Array.from({ length: 20 }, () => {
          const chance = 0.5 + (random() < 0.5 ? spread : -spread);
          return Array.from({ length: 10 }, (): Outcome =>
            random() < 0.2 ? "tie" : random() < chance ? "win" : "loss",
          );
        });
        return holds(winRate(all).interval, 1);
      });
      expect(covered).toBeGreaterThan(0.93);
      expect(covered).toBeLessThan(0.985);
    }
  });

  test("of crossings' intervals hold the true crossing", () => {
    const covered = share((random) => {
      const points = Array.from({ length: 12 }, (_, i) => {
        const speedup = 1 + i / 8;
        return { speedup, quality: 1.8 - 0.5 * speedup + 0.08 * normal(random) };
      });
      return holds(sameQuality(points, 1)?.interval ?? null, 1.6);
    });
    expect(covered).toBeGreaterThan(0.935);
    expect(covered).toBeLessThan(0.965);
  });
});

describe("means", () => {
  test("have the interval of the textbook", () => {
    const { value, interval } = meanEstimate([1, 2, 3, 4]) ?? { value: NaN, interval: null };
    expect(value).toBe(2.5);
    expect(interval?.[1]).toBeCloseTo(2.5 + 3.1824463 * Math.sqrt(5 / 3 / 4), 6);
    expect(meanEstimate([])).toBeNull();
    expect(meanEstimate([7])).toEqual({ value: 7, interval: null });
    expect(clusteredMean([[1, 3], [], [4]])?.value).toBe(3);
  });
  test("of ratios are those of their inverses, inverted", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: 2 }), (ratios) => {
        const [own, other] = [ratioEstimate(ratios), ratioEstimate(ratios.map((ratio) => 1 / ratio))];
        close((own?.value ?? NaN) * (other?.value ?? NaN), 1);
        close((own?.interval?.[0] ?? NaN) * (other?.interval?.[1] ?? NaN), 1);
      }),
    );
  });
});

const coefficient = fc.double({ min: -5, max: -0.05, noNaN: true });
const xs = fc.uniqueArray(fc.double({ min: 1, max: 3, noNaN: true }), {
  minLength: 3,
  maxLength: 20,
  comparator: (a, b) => Math.abs(a - b) < 0.01,
});

describe("the same-quality speed-up", () => {
  test("of points on a line is its crossing, theoretical outside the measured range", () => {
    fc.assert(
      fc.property(coefficient, fc.double({ min: 0.5, max: 5, noNaN: true }), xs, (slope, crossing, own) => {
        const points = own.map((speedup) => ({ speedup, quality: 1 + slope * (speedup - crossing) }));
        const found = sameQuality(points, 1);
        expect(found?.speedup).toBeCloseTo(crossing, 6);
        const measured = crossing > Math.min(...own) + 1e-6 && crossing < Math.max(...own) - 1e-6;
        if (measured) expect(found?.theoretical).toBe(false);
        if (crossing > Math.max(...own) + 1e-6) expect(found?.theoretical).toBe(true);
      }),
    );
  });

  test("has an interval whose ends are where the band meets the level", () => {
    const noise = [0.1, -0.12, 0.05, 0.02, -0.07, 0.09, -0.05];
    const points = noise.map((each, i) => ({ x: 1 + i / 4, y: 1.6 - 0.5 * (1 + i / 4) + each }));
    const line = fitLine(points);
    const [low, high] = crossingInterval(line, 1) ?? [NaN, NaN];
    expect(lineAt(line, low).interval?.[0]).toBeCloseTo(1, 9);
    expect(lineAt(line, high).interval?.[1]).toBeCloseTo(1, 9);
    const found = sameQuality(
      points.map(({ x, y }) => ({ speedup: x, quality: y })),
      1,
    );
    expect(found?.speedup).toBeGreaterThan(low);
    expect(found?.speedup).toBeLessThan(high);
  });

  test("is bounded more closely, the more points there are", () => {
    const noise = [0.1, -0.12, 0.05, 0.02, -0.07, 0.09, -0.05];
    const points = noise.map((each, i) => ({ speedup: 1 + i / 4, quality: 1.6 - 0.5 * (1 + i / 4) + each }));
    expect(width(sameQuality([...points, ...points], 1)?.interval ?? null)).toBeLessThan(
      width(sameQuality(points, 1)?.interval ?? null),
    );
  });

  test("is none where quality does not fall, and unbounded where the slope may be nothing", () => {
    const rising = [1, 2, 3].map((speedup) => ({ speedup, quality: speedup }));
    expect(sameQuality(rising, 2)).toMatchObject({ speedup: null, interval: null, theoretical: false });
    const flat = [0.2, -0.25, 0.15, -0.2].map((quality, i) => ({ speedup: i + 1, quality }));
    expect(sameQuality(flat, 0)?.interval).toBeNull();
    expect(
      sameQuality(
        [
          { speedup: 1, quality: 1 },
          { speedup: 1, quality: 2 },
        ],
        1,
      ),
    ).toBeNull();
    expect(
      sameQuality(
        [
          { speedup: 1, quality: 2 },
          { speedup: 2, quality: 1 },
        ],
        1.5,
      ),
    ).toMatchObject({
      speedup: 1.5,
      interval: null,
    });
  });

  test("a line of least squares and its band are the textbook's", () => {
    const line = fitLine([
      { x: 1, y: 2 },
      { x: 2, y: 3 },
      { x: 3, y: 5 },
    ]);
    expect([line.slope, line.intercept]).toEqual([1.5, expect.closeTo(1 / 3, 9)]);
    const residual = Math.sqrt(1 / 6);
    expect(line.residual).toBeCloseTo(residual, 9);
    expect(lineAt(line, 2).interval?.[1]).toBeCloseTo(10 / 3 + 12.7062047 * residual * Math.sqrt(1 / 3), 5);
    expect(() => fitLine([{ x: 1, y: 1 }])).toThrow("two points of different x");
  });
});
