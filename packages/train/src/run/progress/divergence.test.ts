/** When a run is stopped for its loss, and above all when it is not. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { newLossWatch, watchedSteps, watchLoss, type DivergenceLimits, type LossWatch } from "./divergence.js";

const limits: DivergenceLimits = { factor: 2, vocabularySize: 2048, warmUpSteps: 10 };
/** The loss that two heads may have whatever it was before: 17.25. */
const guess = 2 * (Math.log(2048) + 1);

/** The watch after each step; both heads have half of the total. */
function watches(totals: readonly number[], changes: Partial<DivergenceLimits> = {}): LossWatch[] {
  let watch = newLossWatch;
  return totals.map((total, i) => {
    watch = watchLoss(watch, { step: i + 1, losses: [total / 2, total / 2] }, { ...limits, ...changes });
    return watch;
  });
}

const isStopped = (...args: Parameters<typeof watches>): boolean =>
  watches(...args).some(({ diverged }) => diverged !== undefined);

const constant = (steps: number, total: number): number[] => new Array<number>(steps).fill(total);
const good = fc.double({ min: 0, max: guess - 0.01, noNaN: true });
const any = fc.double({ min: 0, max: 1e30, noNaN: true });

test("losses that a model which knows nothing could have never stop a run", () => {
  fc.assert(fc.property(fc.array(good, { maxLength: 200 }), (totals) => !isStopped(totals)));
});

test("losses within the factor of the best never stop one, however large they are", () => {
  const within = fc.double({ min: 50, max: 99.9, noNaN: true });
  fc.assert(fc.property(fc.array(within, { maxLength: 200 }), (totals) => !isStopped(totals)));
});

test("nor do losses that fall, from whatever they began at", () => {
  const falling = fc.array(any, { maxLength: 200 }).map((totals) => totals.sort((a, b) => b - a));
  fc.assert(fc.property(falling, (totals) => !isStopped(totals)));
});

test("nor do spikes of any size, while more than half of the steps are good", () => {
  const pair = fc.tuple(good, any).map(([fine, spike]) => [spike, fine]);
  fc.assert(fc.property(fc.array(pair, { maxLength: 100 }), (pairs) => !isStopped(pairs.flat())));
});

test("nor anything with a factor of 0, in the warm-up, or before there are steps to compare with", () => {
  fc.assert(fc.property(fc.array(any, { maxLength: 100 }), (totals) => !isStopped(totals, { factor: 0 })));
  fc.assert(fc.property(fc.array(any, { maxLength: 119 }), (totals) => !isStopped(totals, { warmUpSteps: 100 })));
  fc.assert(fc.property(fc.array(any, { maxLength: watchedSteps }), (totals) => !isStopped(totals)));
});

test("a rise above both limits stops the run while the first half of the watched steps is still good", () => {
  const before = fc.array(good, { minLength: 30, maxLength: 100 });
  const high = fc.array(fc.double({ min: 2 * guess, max: 1e30, noNaN: true }), { minLength: 20, maxLength: 20 });
  fc.assert(
    fc.property(before, high, (fine, bad) => {
      const all = watches([...fine, ...bad]);
      const stop = all.findIndex(({ diverged }) => diverged !== undefined);
      expect(stop).toBe(fine.length + watchedSteps / 2);
      expect(all.slice(fine.length).every(({ highSince }) => highSince === fine.length + 1)).toBe(true);
    }),
  );
});

test("the message tells what it was, since when, and what to lower", () => {
  const diverged = watches([...constant(40, 8), ...constant(11, 30)]).at(-1)?.diverged;
  expect(diverged).toMatch(
    /^training diverged: .* are 30\.00 in the last 20 steps \(median\) and were 8\.00 at best, expected at most 17\.25; .* since step 41; lower learningRate or headLearningRate, or clipNorm.*divergenceFactor 0/,
  );
});

test("each limit alone is not enough, and a loss that comes back is forgiven", () => {
  expect(isStopped([...constant(40, 1), ...constant(40, 17)])).toBe(false);
  expect(isStopped([...constant(40, 16), ...constant(40, 31)])).toBe(false);
  expect(isStopped([...constant(40, 16), ...constant(40, 33)])).toBe(true);
  const back = watches([...constant(40, 8), ...constant(5, 99), ...constant(5, 9)]);
  expect(back.map(({ highSince }) => highSince).slice(-10)).toEqual(
    [...constant(5, 41), ...constant(5, 0)].map((n) => n || undefined),
  );
});
