import fc from "fast-check";
import { expect, test } from "vitest";
import { windowsOf } from "./windows.js";

test("every position that has a target is scored once, in its own document", () => {
  const plan = fc.record({
    lengths: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 6 }),
    window: fc.integer({ min: 1, max: 12 }),
    stride: fc.integer({ min: 1, max: 12 }),
  });
  fc.assert(
    fc.property(plan, ({ lengths, window, stride }) => {
      const step = Math.min(stride, window);
      const scored: number[] = [];
      for (const { start, length, first, after } of windowsOf(lengths, { window, stride: step })) {
        expect(length).toBeLessThanOrEqual(window);
        expect(after).toBeGreaterThanOrEqual(1);
        for (let i = first; i < length; i++) scored.push(start + i);
        // Behind the first window, a position sees at least what the stride leaves.
        if (first > 0) expect(first).toBeGreaterThanOrEqual(Math.min(window - step, length - 1));
      }
      let begin = 0;
      const expected = lengths.flatMap((length) => {
        const own = Array.from({ length: length - 1 }, (_, i) => begin + i);
        begin += length;
        return own;
      });
      expect(scored).toEqual(expected);
    }),
  );
});

test("what is behind a window reaches to the document's end", () => {
  expect([...windowsOf([10], { window: 4, stride: 4 })]).toEqual([
    { start: 0, length: 4, first: 0, after: 6 },
    { start: 4, length: 4, first: 0, after: 2 },
    { start: 8, length: 1, first: 0, after: 1 },
  ]);
  expect([...windowsOf([2, 1, 3], { window: 4, stride: 2 })].map(({ start }) => start)).toEqual([0, 3]);
});
