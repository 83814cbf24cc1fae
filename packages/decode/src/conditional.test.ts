import { createNgramCounter } from "@dynamo/cooccurrence";
import type { Candidates, Cooccurrence } from "@dynamo/core";
import { topCandidates } from "@dynamo/core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chiSquaredLimit } from "./chi-squared.js";
import { chainJoint, conditionalHead, countStrength, type Conditions } from "./conditional.js";
import { dynamo } from "./dynamo.js";
import { cellCount, emptyGrid, rankAlong, sum, type SparseGrid } from "./grid.js";
import { headDistribution } from "./head-distribution.js";
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

/** What a part adds to a token's logit behind those between: any fixed function of them. */
const added = (between: ArrayLike<number>, id: number): number =>
  Array.from(between).reduce((total, token, j) => total + Math.sin(3 * token + 5 * id + 7 * j), 0);

/** A head of `kept` candidates whose part adds `added` to the logits of all its tokens. */
function withPart(logits: readonly number[], kept: number): Candidates {
  const { ids, logits: sorted } = topCandidates([...logits], vocabularySize);
  return {
    ...topCandidates([...logits], kept),
    conditional: {
      ids,
      logits: sorted,
      addBehind(between, asked, into) {
        const all = asked ?? Array.from({ length: vocabularySize }, (_, id) => id);
        for (let i = 0; i < all.length; i++) into[i] = (into[i] ?? 0) + added(between, all[i] ?? -1);
      },
    },
  };
}

/** The joint of heads whose first has nothing before it. */
function jointOf(heads: readonly Candidates[], conditions: Conditions, threshold: number): SparseGrid {
  const joint = emptyGrid();
  const [first, ...others] = heads;
  chainJoint(
    headDistribution(first as Candidates, conditions.options),
    others.map((head) => conditionalHead(head, conditions)),
    threshold,
    joint,
  );
  return joint;
}

const logits = fc.array(fc.double({ min: -4, max: 4, noNaN: true }), {
  minLength: vocabularySize,
  maxLength: vocabularySize,
});
const allLogits = fc.array(logits, { minLength: 2, maxLength: 3 });
const documents = fc.option(
  fc.array(fc.array(fc.integer({ min: 0, max: vocabularySize - 1 }), { maxLength: 40 }), { maxLength: 4 }),
  { nil: undefined },
);
const temperatures = fc.constantFrom(0, 0.4, 1, 1.6);

describe.each(["counts", "parts"])("by %s", (kind) => {
  const headOf = (each: readonly number[], axis: number): Candidates =>
    kind === "parts" && axis > 0 ? withPart(each, vocabularySize) : topCandidates([...each], vocabularySize);
  const strength = kind === "parts" ? 0 : countStrength;

  it("is, over whole vocabularies, the enumerated product of conditional distributions, and sums to 1", () => {
    fc.assert(
      fc.property(allLogits, documents, temperatures, (all, docs, temperature) => {
        const counts = docs === undefined ? undefined : countsOf(docs);
        const joint = jointOf(all.map(headOf), { counts, options: { temperature } }, 0);
        expect(sum(joint)).toBeCloseTo(1, 12);
        expect(joint.length).toBe(cellCount(joint.shape));
        const heads = all.map(headOf);
        const divisor = temperature === 0 ? 1 : temperature;
        /** By the definition, over the vocabulary. */
        const logProbability = (axis: number, tokens: readonly number[]): number => {
          const lifts = new Float64Array(vocabularySize).fill(1);
          const before = tokens.slice(0, axis);
          if (axis > 0) counts?.lifts(before, undefined, lifts);
          const scores = (all[axis] ?? []).map((logit, id) => {
            const part = kind === "parts" && axis > 0 ? added(before, id) : 0;
            return (logit + part + strength * Math.log(lifts[id] ?? NaN)) / divisor;
          });
          const total = scores.reduce((most, score) => most + Math.exp(score), 0);
          return (scores[tokens[axis] ?? -1] ?? NaN) - Math.log(total);
        };
        for (let i = 0; i < joint.length; i++) {
          const tokens = heads.map((head, axis) => {
            const rank = rankAlong(joint.shape, joint.cells[i] ?? 0, axis);
            return (head.conditional ?? head).ids[rank] ?? -1;
          });
          const expected = Math.exp(tokens.reduce((total, _, axis) => total + logProbability(axis, tokens), 0));
          expect(Math.abs((joint.values[i] ?? NaN) - expected)).toBeLessThan(2e-5);
        }
      }),
    );
  });

  it("lists all cells of at least the threshold", () => {
    fc.assert(
      fc.property(allLogits, documents, fc.double({ min: 1e-4, max: 0.3, noNaN: true }), (all, docs, threshold) => {
        const conditions = { counts: docs === undefined ? undefined : countsOf(docs), options: { temperature: 1 } };
        const [whole, cut] = [jointOf(all.map(headOf), conditions, 0), jointOf(all.map(headOf), conditions, threshold)];
        const kept = [...whole.cells.subarray(0, whole.length)].filter((_, i) => (whole.values[i] ?? 0) >= threshold);
        expect([...cut.cells.subarray(0, cut.length)]).toEqual(kept);
      }),
    );
  });

  it("draws from it: dynamo({ joint: learned }) at ε_b 0 without Otsu's threshold", async () => {
    const candidates = [
      [1, 0, 0.5, 2, 0.2, 0.1],
      [0, 1, 0.3, 0.4, 1.2, 0.6],
      [0.9, 0.2, 0, 0.4, 1, 0.5],
    ].map(headOf);
    const counts = countsOf([
      [0, 1, 2, 3, 4, 5, 3, 4, 1, 0, 3, 4, 4, 2],
      [3, 4, 1, 3, 4, 0],
    ]);
    const joint = jointOf(candidates, { counts, options: { temperature: 1 } }, 0);
    const strategy = dynamo({ joint: "learned", temperature: 1, backoff: 0, adaptive: false, repetitionPenalty: 1 });
    const random = createRandom(11, 0);
    const seen = new Map<string, number>();
    const draws = 20_000;
    for (let i = 0; i < draws; i++) {
      const { tokens } = await strategy.step({
        ...{ positions: [candidates], draft: [], context: Int32Array.of(), cooccurrence: counts, defaults: {} },
        ...{ remaining: 3, random, state: {}, signal: new AbortController().signal },
      } as unknown as Parameters<typeof strategy.step>[0]);
      seen.set(tokens.join(), (seen.get(tokens.join()) ?? 0) + 1);
    }
    let statistic = 0;
    for (let i = 0; i < joint.length; i++) {
      const tuple = candidates.map(
        (head, axis) => (head.conditional ?? head).ids[rankAlong(joint.shape, joint.cells[i] ?? 0, axis)],
      );
      const expected = draws * (joint.values[i] ?? 0);
      statistic += ((seen.get(tuple.join()) ?? 0) - expected) ** 2 / expected;
    }
    expect(statistic).toBeLessThan(chiSquaredLimit(joint.length - 1));
  });
});

it("is the head's own distribution without counts, and follows what was counted", () => {
  const candidates = topCandidates([1, 2, 0, 1, 1, 1], vocabularySize);
  const head = headDistribution(candidates, { temperature: 1 });
  const none = conditionalHead(candidates, { counts: countsOf([]), options: { temperature: 1 } }).behind([3]);
  for (const [rank, p] of head.probabilities.entries()) expect(none[rank]).toBeCloseTo(p, 6);
  const counts = countsOf([new Array<number>(200).fill(0).flatMap(() => [3, 4, 1, 2])]);
  const after = (token: number): number | undefined => {
    const q = conditionalHead(candidates, { counts, options: { temperature: 1 } }).behind([token]);
    return head.ids[q.indexOf(Math.max(...q))];
  };
  expect([after(3), after(4), after(2)]).toEqual([4, 1, 3]);
});

it("keeps as many tokens as the head has candidates, the likeliest behind those between", () => {
  fc.assert(
    fc.property(
      logits,
      fc.integer({ min: 1, max: vocabularySize }),
      fc.integer({ min: 0, max: 5 }),
      (all, kept, token) => {
        const { ids, behind } = conditionalHead(withPart(all, kept), {
          counts: undefined,
          options: { temperature: 1 },
        });
        const q = behind([token]);
        const scores = all.map((logit, id) => Math.fround(logit) + added([token], id));
        const order = [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0)).slice(0, kept);
        const support = [...ids].filter((_, rank) => (q[rank] ?? 0) > 0);
        expect(new Set(support)).toEqual(new Set(order));
      },
    ),
  );
});

it("leaves out what the sampling options leave out behind the tokens between", () => {
  const head = withPart([3, 2, 1, 0, -1, -2], vocabularySize);
  const all = conditionalHead(head, { counts: undefined, options: { temperature: 1 } }).behind([2]);
  const some = conditionalHead(head, { counts: undefined, options: { temperature: 1, minP: 0.2 } }).behind([2]);
  const least = 0.2 * Math.max(...all);
  expect([...some].map((q) => q > 0)).toEqual([...all].map((q) => q >= least));
  expect(some.reduce((total, q) => total + q, 0)).toBeCloseTo(1, 12);
});
