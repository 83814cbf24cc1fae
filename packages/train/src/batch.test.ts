import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rowLength, targetCounts, trainingFeeds, type TokenRows } from "./batch.js";

const batches = fc
  .record({
    batch: fc.integer({ min: 1, max: 4 }),
    sequence: fc.integer({ min: 1, max: 9 }),
    tokenHeads: fc.integer({ min: 1, max: 4 }),
    parts: fc.integer({ min: 1, max: 4 }),
    seed: fc.integer({ min: 0, max: 1000 }),
  })
  .map((options) => {
    const length = options.batch * rowLength(options);
    const tokens = Int32Array.from({ length }, (_, i) => (i * 31 + options.seed) % 97);
    return { ...options, tokens };
  });

describe("trainingFeeds", () => {
  test("head n's target at position t of a row is that row's token t + n", () => {
    fc.assert(
      fc.property(batches, ({ tokens, parts: _, ...shape }) => {
        const { batch, sequence, tokenHeads } = shape;
        const feeds = trainingFeeds({ tokens }, shape);
        expect(feeds.tokens.dims).toEqual([batch, sequence]);
        expect(feeds.targets.dims).toEqual([tokenHeads, batch * sequence]);
        for (let row = 0; row < batch; row++)
          for (let t = 0; t < sequence; t++) {
            const at = row * rowLength(shape) + t;
            expect(feeds.tokens.data[row * sequence + t]).toBe(tokens[at]);
            for (let head = 1; head <= tokenHeads; head++)
              expect(feeds.targets.data[(head - 1) * batch * sequence + row * sequence + t]).toBe(tokens[at + head]);
          }
      }),
    );
  });

  test("each head's weights are equal and sum to one over the micro-batches of a step, whatever counts in which", () => {
    fc.assert(
      fc.property(batches, ({ tokens, parts, seed, ...shape }) => {
        // The last token of a row is every head's target in a row of one position, and counts in the first micro-batch.
        const step = Array.from({ length: parts }, (_, part): TokenRows => ({
          tokens,
          counted: Uint8Array.from(tokens, (token, i) =>
            (part === 0 && i % rowLength(shape) >= shape.sequence - 1) || (token + seed + part) % 3 === 0 ? 1 : 0,
          ),
        }));
        const counts = step.map((rows) => targetCounts(rows, shape));
        const rows = shape.batch * shape.sequence;
        for (let head = 0; head < shape.tokenHeads; head++) {
          const totals = Array.from({ length: shape.tokenHeads }, (_, i) =>
            counts.reduce((sum, own) => sum + (own[i] ?? 0), 0),
          );
          const own = step.flatMap((part) => [
            ...trainingFeeds(part, shape, totals).target_weights.data.subarray(head * rows, (head + 1) * rows),
          ]);
          expect(own.reduce((x, y) => x + y)).toBeCloseTo(1, 5);
          const different = new Set(own);
          different.delete(0);
          expect(different.size).toBe(1);
        }
      }),
    );
  });

  test("what does not count weighs nothing: the target, not the position it is predicted from", () => {
    const shape = { batch: 1, sequence: 3, tokenHeads: 2 };
    const tokens = Int32Array.of(10, 11, 12, 13, 14);
    const { target_weights: weights } = trainingFeeds({ tokens, counted: Uint8Array.of(1, 1, 0, 1, 1) }, shape);
    // Head 1 predicts 11, 12, 13; head 2 predicts 12, 13, 14: token 12 counts for neither.
    expect([...weights.data]).toEqual([0.5, 0, 0.5, 0, 0.5, 0.5]);
  });

  test("rows of another size are refused, a head without a target is not", () => {
    const shape = { batch: 1, sequence: 2, tokenHeads: 2 };
    expect(() => trainingFeeds({ tokens: new Int32Array(5) }, shape)).toThrow(
      "expected 1 rows of 4 tokens, received 5 tokens in all",
    );
    const tokens = new Int32Array(4);
    expect(() => trainingFeeds({ tokens, counted: new Uint8Array(3) }, shape)).toThrow("expected 1 rows");
    const rows = { tokens, counted: Uint8Array.of(1, 1, 0, 0) };
    expect(targetCounts(rows, shape)).toEqual([1, 0]);
    expect([...trainingFeeds(rows, shape).target_weights.data]).toEqual([1, 0, 0, 0]);
  });
});
