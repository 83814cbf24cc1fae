import { createNgramCounter } from "@dynamo/cooccurrence";
import type { Cooccurrence } from "@dynamo/core";
import { topCandidates } from "@dynamo/core/testing";
import fc from "fast-check";
import { expect, it } from "vitest";
import { chiSquaredLimit } from "./chi-squared.js";
import { chainJoint, conditional } from "./conditional.js";
import { dynamo } from "./dynamo.js";
import { cellCount, emptyGrid, rankAlong, sum } from "./grid.js";
import { headDistribution, type HeadDistribution } from "./head-distribution.js";
import { createRandom } from "./random.js";

const vocabularySize = 6;

function countsOf(documents: readonly (readonly number[])[]): Cooccurrence {
  const counter = createNgramCounter({ order: 3, vocabularySize });
  for (const document of documents) {
    counter.add(document);
    counter.endDocument();
  }
  return counter.finish();
}

const logits = fc.array(fc.double({ min: -4, max: 4, noNaN: true }), {
  minLength: vocabularySize,
  maxLength: vocabularySize,
});
const heads = fc.array(logits, { minLength: 2, maxLength: 3 });
const documents = fc.array(fc.array(fc.integer({ min: 0, max: vocabularySize - 1 }), { maxLength: 40 }), {
  maxLength: 4,
});
const temperatures = fc.constantFrom(0, 0.4, 1, 1.6);

it("is, over whole vocabularies, the enumerated product of conditional distributions, and sums to 1", () => {
  fc.assert(
    fc.property(heads, documents, temperatures, (all, docs, temperature) => {
      const conditions = { counts: countsOf(docs), temperature };
      const distributions = all.map((each) => headDistribution(topCandidates(each, vocabularySize), { temperature }));
      const joint = emptyGrid();
      chainJoint(distributions, conditions, 0, joint);
      expect(sum(joint)).toBeCloseTo(1, 12);
      expect(joint.length).toBe(cellCount(joint.shape));
      for (let i = 0; i < joint.length; i++) {
        const ranks = distributions.map((_, axis) => rankAlong(joint.shape, joint.cells[i] ?? 0, axis));
        const tokens = ranks.map((rank, axis) => distributions[axis]?.ids[rank] ?? -1);
        const expected = distributions.reduce((product, head, axis) => {
          const q = axis === 0 ? head.probabilities : conditional(head, tokens.slice(0, axis), conditions);
          return product * (q[ranks[axis] ?? 0] ?? 0);
        }, 1);
        expect(joint.values[i]).toBeCloseTo(expected, 12);
      }
    }),
  );
});

it("lists all cells of at least the threshold", () => {
  fc.assert(
    fc.property(heads, documents, fc.double({ min: 1e-4, max: 0.3, noNaN: true }), (all, docs, threshold) => {
      const conditions = { counts: countsOf(docs), temperature: 1 };
      const distributions = all.map((each) => headDistribution(topCandidates(each, vocabularySize), conditions));
      const [whole, cut] = [emptyGrid(), emptyGrid()];
      chainJoint(distributions, conditions, 0, whole);
      chainJoint(distributions, conditions, threshold, cut);
      const kept = [...whole.cells.subarray(0, whole.length)].filter((_, i) => (whole.values[i] ?? 0) >= threshold);
      expect([...cut.cells.subarray(0, cut.length)]).toEqual(kept);
    }),
  );
});

it("is the head's own distribution without counts, and follows what was counted", () => {
  const head: HeadDistribution = headDistribution(topCandidates([1, 2, 0, 1, 1, 1], vocabularySize), {
    temperature: 1,
  });
  const none = conditional(head, [3], { counts: countsOf([]), temperature: 1 });
  for (const [rank, p] of head.probabilities.entries()) expect(none[rank]).toBeCloseTo(p, 12);
  const counts = countsOf([new Array<number>(200).fill(0).flatMap(() => [3, 4, 1, 2])]);
  const after = (token: number): number | undefined => {
    const q = conditional(head, [token], { counts, temperature: 1 });
    return head.ids[q.indexOf(Math.max(...q))];
  };
  expect([after(3), after(4), after(2)]).toEqual([4, 1, 3]);
});

it("draws from it: dynamo({ joint: learned }) at ε_b 0 without Otsu's threshold", async () => {
  const all = [
    [1, 0, 0.5, 2, 0.2, 0.1],
    [0, 1, 0.3, 0.4, 1.2, 0.6],
    [0.9, 0.2, 0, 0.4, 1, 0.5],
  ];
  const counts = countsOf([
    [0, 1, 2, 3, 4, 5, 3, 4, 1, 0, 3, 4, 4, 2],
    [3, 4, 1, 3, 4, 0],
  ]);
  const candidates = all.map((each) => topCandidates(each, vocabularySize));
  const conditions = { counts, temperature: 1 };
  const joint = emptyGrid();
  chainJoint(
    candidates.map((each) => headDistribution(each, conditions)),
    conditions,
    0,
    joint,
  );
  const strategy = dynamo({ joint: "learned", temperature: 1, backoff: 0, adaptive: false, repetitionPenalty: 1 });
  const random = createRandom(11, 0);
  const seen = new Map<string, number>();
  const draws = 40_000;
  for (let i = 0; i < draws; i++) {
    const { tokens } = await strategy.step({
      ...{ positions: [candidates], draft: [], context: Int32Array.of(), cooccurrence: counts, defaults: {} },
      ...{ remaining: 3, random, state: {}, signal: new AbortController().signal },
    } as unknown as Parameters<typeof strategy.step>[0]);
    seen.set(tokens.join(), (seen.get(tokens.join()) ?? 0) + 1);
  }
  let statistic = 0;
  for (let i = 0; i < joint.length; i++) {
    const tuple = candidates.map(({ ids }, axis) => ids[rankAlong(joint.shape, joint.cells[i] ?? 0, axis)]);
    const expected = draws * (joint.values[i] ?? 0);
    statistic += ((seen.get(tuple.join()) ?? 0) - expected) ** 2 / expected;
  }
  expect(statistic).toBeLessThan(chiSquaredLimit(joint.length - 1));
});
