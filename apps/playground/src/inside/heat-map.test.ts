import { createNgramCounter } from "@dynamo/cooccurrence";
import { topCandidates } from "@dynamo/core/testing";
import { createDynamoStep, tupleOf, type SparseGrid } from "@dynamo/decode";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { productSlice, ranksOf, sliceOf, tokenLabel, type Square } from "./heat-map.js";
import { insideStep } from "./stages.js";

const logits = fc.array(fc.array(fc.float({ min: -4, max: 4, noNaN: true }), { minLength: 9, maxLength: 9 }), {
  minLength: 2,
  maxLength: 4,
});
const step = { temperature: 0.7, backoff: 0.3, maskStrength: 1, adaptive: true, blur: true, repetitionPenalty: 1.1 };
const sumOf = (squares: readonly Square[]): number => squares.reduce((total, { value }) => total + value, 0);

function wholeGrid(shape: readonly number[]): SparseGrid {
  const length = shape.reduce((a, b) => a * b, 1);
  const cells = Int32Array.from({ length }, (_, cell) => cell);
  return { shape, cells, values: Float64Array.from(cells, (cell) => cell + 1), length };
}

describe("a slice of a joint", () => {
  it("holds the ranks of the heads beyond the second", () => {
    const grid = wholeGrid([2, 3, 4, 2]);
    const squares = sliceOf(grid, { size: 10, held: [2, 1] });
    const expected = [0, 1].flatMap((first) =>
      [0, 1, 2].map((second) => ({ first, second, value: ((first * 3 + second) * 4 + 2) * 2 + 1 + 1 })),
    );
    expect(squares).toEqual(expected);
    expect(sliceOf(grid, { size: 1, held: [0, 0] })).toEqual([{ first: 0, second: 0, value: 1 }]);
  });

  it("has the whole joint's mass, summed over the held ranks", () => {
    fc.assert(
      fc.property(logits, (each) => {
        const { heads } = insideStep(
          { candidates: each.map((own) => topCandidates(own, 5)), context: [], draws: [], mask: undefined },
          step,
        );
        const three = heads.slice(0, 3);
        const thirds = three.length < 3 ? [[]] : [0, 1, 2, 3, 4].map((rank) => [rank]);
        const total = thirds.reduce((mass, held) => mass + sumOf(productSlice(three, { size: 5, held })), 0);
        expect(total).toBeCloseTo(1, 9);
      }),
    );
  });
});

describe("a step decided anew", () => {
  const counter = createNgramCounter({ order: 4, vocabularySize: 9 });
  counter.add([0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 2, 4, 6, 8, 1, 3, 5, 7]);
  counter.endDocument();
  const mask = counter.finish();

  it("is the step, with the tuple that the same random number chooses", () => {
    fc.assert(
      fc.property(logits, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (each, draw) => {
        const candidates = each.map((own) => topCandidates(own, 5));
        const inside = insideStep({ candidates, context: [3], draws: [draw], mask }, step);
        const decision = createDynamoStep()(candidates, [3], mask, step);
        expect(inside.order).toBe(decision.order);
        const { cells, length } = decision.joint;
        const tuples = Array.from(cells.subarray(0, length), (cell) => tupleOf(decision, cell).join());
        expect(tuples).toContain(inside.tuple.join());
        expect(ranksOf(inside.heads, inside.tuple)).toHaveLength(inside.order);
      }),
    );
  });

  it("keeps copies: an order's joint is not overwritten by the next", () => {
    const flat = [0, 1, 2].map(() => topCandidates(new Float32Array(9), 9));
    const { stages, order } = insideStep(
      { candidates: flat, context: [], draws: [0.5], mask: undefined },
      { ...step, backoff: 0.9 },
    );
    expect(order).toBe(1);
    expect([...stages.keys()]).toEqual([3, 2]);
    expect(stages.get(3)?.at(-1)?.joint.shape).toEqual([9, 9, 9]);
    expect(stages.get(2)?.at(-1)?.joint.shape).toEqual([9, 9]);
  });
});

describe("labels", () => {
  it("draw what would not be seen", () => {
    expect([" the", "\n", "", "a".repeat(20)].map(tokenLabel)).toEqual(["·the", "⏎", "∅", `${"a".repeat(11)}…`]);
  });
});
