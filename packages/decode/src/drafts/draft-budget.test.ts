import { tableModel } from "@dynamo/core/testing";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createRandom, generate, verified } from "../index.js";
import { draftBudget } from "./draft-budget.js";

const share = fc.double({ min: 0, max: 1, noNaN: true });

/** Tokens for the cost of one position, of the first `count` drafts. */
function rate(chances: readonly number[], count: number, cost: number): number {
  const tokens = chances.slice(0, count).reduce((sum, chance) => sum + chance, 1);
  return tokens / (1 + cost * count);
}

it("takes as many drafts as give most tokens for the cost, as trying every number does", () => {
  fc.assert(
    fc.property(
      fc.array(share, { maxLength: 12 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (agreements, cost) => {
        const budget = draftBudget(1, cost);
        let taken = 0;
        while (taken < agreements.length && budget.take({ source: 0, agreement: agreements[taken] as number })) taken++;
        // Before anything was judged 0.7 of what a source promises is expected.
        let chance = 1;
        const chances = agreements.map((agreement) => (chance *= 0.7 * agreement));
        const rates = Array.from({ length: agreements.length + 1 }, (_, count) => rate(chances, count, cost));
        expect(rates[taken]).toBeCloseTo(Math.max(...rates), 9);
      },
    ),
  );
});

it("gives up a source whose drafts are never accepted, tries it again, and knows the others apart", () => {
  const budget = draftBudget(2, 0.2);
  const took = { liar: 0, good: 0 };
  for (let step = 0; step < 400; step++) {
    const isLiar = step % 2 === 0;
    const isTaken = budget.take({ source: isLiar ? 0 : 1, agreement: 1 });
    if (isTaken) took[isLiar ? "liar" : "good"]++;
    budget.judged(isLiar || !isTaken ? 0 : 1);
  }
  expect(took.good).toBe(200);
  expect(took.liar).toBeGreaterThan(3);
  expect(took.liar).toBeLessThan(60);
});

it("learns nothing from drafts that were not judged", () => {
  const budget = draftBudget(2, 0.01);
  for (let step = 0; step < 100; step++) {
    budget.take({ source: 0, agreement: 1 });
    budget.take({ source: 1, agreement: 1 });
    budget.judged(0);
  }
  // Source 1 never had its turn: it is as good as at first.
  expect(budget.take({ source: 1, agreement: 1 })).toBe(true);
});

/** What a text cost in passes of one position. */
const costOf = (passes: number, fed: number, cost: number): number => passes + cost * (fed - passes);

it.each([1, 2, 3])("costs little more than one token per pass where nothing can be foreseen, seed %i", async (seed) => {
  const next = createRandom(seed);
  const size = 40;
  const flat = Array.from({ length: size }, () => Float32Array.from({ length: size }, () => 0.5 * next()));
  const model = tableModel({ table: [flat], contextLength: 700 });
  const watched = { fed: 0 };
  const counting = {
    ...model,
    forward: (...given: Parameters<typeof model.forward>) => {
      watched.fed += given[1].reduce((sum, { positions = 1 }) => sum + positions, 0);
      return model.forward(...given);
    },
  };
  const strategy = verified({ temperature: 1, sources: ["lookup", "recycling"], drafts: "auto", positionCost: 0.2 });
  const run = generate(counting, [1], { strategy, seed, maxNewTokens: 600, stopAtEndOfText: false });
  const { statistics } = await run;
  expect(costOf(statistics.passes, watched.fed, 0.2) / statistics.tokens).toBeLessThan(1.06);
});

it("drafts far ahead where the text repeats itself", async () => {
  const size = 30;
  const round = Array.from({ length: size }, (_, t) =>
    Float32Array.from({ length: size }, (_, i) => (i === (t + 1) % size ? 9 : 0)),
  );
  const model = tableModel({ table: [round], contextLength: 400 });
  const strategy = verified({ temperature: 0, sources: ["lookup"], drafts: "auto" });
  const { statistics } = await generate(model, [1], { strategy, maxNewTokens: 300, stopAtEndOfText: false });
  expect(statistics.tokensPerPass).toBeGreaterThan(5);
});

it.each([
  [{ drafts: "many" }, /drafts .*"auto" or a whole number from 1 to 15/],
  [{ drafts: "auto", positionCost: 0 }, /positionCost/],
])("refuses %j", (options, message) => {
  expect(() => verified(options as never)).toThrow(message);
});
