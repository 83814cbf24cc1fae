import { createNgramCounter } from "@dynamo/cooccurrence";
import type { Cooccurrence } from "@dynamo/core";
import { topCandidates } from "@dynamo/core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { denseStep } from "./__oracle__/dense-step.js";
import { createDynamoStep, tupleOf, type JointStage, type StageName, type StepDecision } from "./dynamo-step.js";
import { sum } from "./grid.js";

const vocabularySize = 14;
const logit = fc.float({ min: -6, max: 6, noNaN: true });
const caseOf = fc.record({
  logits: fc.array(fc.array(logit, { minLength: vocabularySize, maxLength: vocabularySize }), {
    minLength: 1,
    maxLength: 4,
  }),
  documents: fc.array(fc.array(fc.integer({ min: 0, max: vocabularySize - 1 }), { minLength: 4, maxLength: 60 }), {
    minLength: 1,
    maxLength: 4,
  }),
  context: fc.array(fc.integer({ min: 0, max: vocabularySize - 1 }), { maxLength: 6 }),
  masked: fc.boolean(),
  maskOrder: fc.integer({ min: 2, max: 4 }),
  options: fc.record({
    topK: fc.integer({ min: 1, max: 8 }),
    temperature: fc.constantFrom(0, 0.3, 0.7, 1, 1.5),
    backoff: fc.constantFrom(0, 0.02, 0.1, 0.25, 0.5, 0.75, 1),
    maskStrength: fc.constantFrom(0, 0.5, 1),
    joint: fc.constantFrom("counts" as const, "learned" as const),
    adaptive: fc.boolean(),
    blur: fc.boolean(),
    repetitionPenalty: fc.constantFrom(1, 1.1, 2, 0.8),
  }),
});

function maskOf(documents: readonly (readonly number[])[], order: number): Cooccurrence {
  const counter = createNgramCounter({ order, vocabularySize });
  for (const document of documents) {
    counter.add(document);
    counter.endDocument();
  }
  return counter.finish();
}

function distributionOf(decision: StepDecision): Map<string, number> {
  const total = sum(decision.joint);
  const entries = Array.from({ length: decision.joint.length }, (_, i) => {
    const cell = decision.joint.cells[i] as number;
    return [tupleOf(decision, cell).join(), (decision.joint.values[i] as number) / total] as const;
  });
  return new Map(entries);
}

describe("the decoding step", () => {
  it("is the dense step of the description", () => {
    // One step for all cases: nothing of a call may be left over for the next.
    const step = createDynamoStep();
    let compared = 0;
    fc.assert(
      fc.property(caseOf, ({ logits, documents, context, masked, maskOrder, options }) => {
        const mask = masked ? maskOf(documents, maskOrder) : undefined;
        const expected = denseStep(logits, context, mask, options);
        if (expected.doubtful) return;
        compared++;
        const decision = step(
          logits.map((each) => topCandidates(each, options.topK)),
          context,
          mask,
          options,
        );
        expect(decision.order).toBe(expected.order);
        const received = distributionOf(decision);
        for (const tuple of new Set([...received.keys(), ...expected.distribution.keys()])) {
          expect(Math.abs((received.get(tuple) ?? 0) - (expected.distribution.get(tuple) ?? 0))).toBeLessThan(1e-9);
        }
      }),
      { numRuns: 1500 },
    );
    expect(compared).toBeGreaterThan(500);
  });

  it("always emits N tokens at ε_b = 0 and one at ε_b = 1, and a distribution that sums to 1", () => {
    fc.assert(
      fc.property(
        caseOf,
        fc.constantFrom(0, 1),
        ({ logits, documents, context, masked, maskOrder, options }, backoff) => {
          const mask = masked ? maskOf(documents, maskOrder) : undefined;
          const decision = createDynamoStep()(
            logits.map((each) => topCandidates(each, options.topK)),
            context,
            mask,
            { ...options, backoff, repetitionPenalty: 1 },
          );
          expect(decision.order).toBe(backoff === 0 ? logits.length : 1);
          expect([...distributionOf(decision).values()].reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
        },
      ),
      { numRuns: 400 },
    );
  });

  it("is plain top-k sampling with one head", () => {
    fc.assert(
      fc.property(caseOf, ({ logits: [first = []], options }) => {
        const topK = topCandidates(first, options.topK);
        const temperature = options.temperature === 0 ? 1 : options.temperature;
        const weights = [...topK.logits].map((each) => Math.exp((each - (topK.logits[0] as number)) / temperature));
        const total = weights.reduce((a, b) => a + b, 0);
        const received = distributionOf(
          createDynamoStep()([topK], [], undefined, { ...options, repetitionPenalty: 1 }),
        );
        for (const [rank, id] of [...topK.ids].entries())
          expect(received.get(String(id))).toBeCloseTo((weights[rank] as number) / total, 12);
      }),
      { numRuns: 100 },
    );
  });

  it("tells an observer each stage of each order tried, and decides as without one", () => {
    fc.assert(
      fc.property(caseOf, ({ logits, documents, context, masked, maskOrder, options }) => {
        const mask = masked ? maskOf(documents, maskOrder) : undefined;
        const heads = logits.map((each) => topCandidates(each, options.topK));
        const seen: { order: number; stage: StageName; cells: number[]; total: number }[] = [];
        const observe = ({ order, stage, joint }: JointStage): void => {
          seen.push({ order, stage, cells: [...joint.cells.subarray(0, joint.length)], total: sum(joint) });
        };
        const decision = createDynamoStep({ observe })(heads, context, mask, options);
        const plain = createDynamoStep()(heads, context, mask, options);
        expect(distributionOf(decision)).toEqual(distributionOf(plain));
        expect(decision.trace).toEqual(plain.trace);
        const stages: StageName[] = [
          ...(masked && options.maskStrength > 0 ? (["masked"] as const) : []),
          "thresholded",
          ...(options.adaptive ? (["adaptive"] as const) : []),
          "penalised",
        ];
        for (const { order, threshold, mass, peakAfter, support } of decision.trace) {
          expect(threshold).toBeCloseTo(options.backoff ** (order - 1), 12);
          expect(peakAfter > threshold).toBe(order === decision.order);
          const own = seen.filter((each) => each.order === order);
          expect(own.map(({ stage }) => stage)).toEqual(mass > 0 ? stages : ["masked"]);
          expect(own.at(-1)?.cells.length).toBe(support);
          const [first] = own;
          if (first?.stage === "masked" && mass > 0 && options.backoff > 0) expect(first.total).toBeCloseTo(1, 9);
          // A stage only takes cells away.
          for (const [i, { cells }] of own.slice(1).entries()) {
            const before = new Set(own[i]?.cells);
            expect(cells.every((cell) => before.has(cell))).toBe(true);
          }
        }
        expect(seen.every(({ order }) => decision.trace.some((each) => each.order === order))).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  it("refuses a grid whose cells do not fit 32 bits", () => {
    const wide = topCandidates(new Float32Array(1024), 1024);
    const options = { temperature: 1, backoff: 0.5, maskStrength: 0, adaptive: true, blur: true, repetitionPenalty: 1 };
    expect(() => createDynamoStep()([wide, wide, wide, wide], [], undefined, options)).toThrow(/topK\^4/);
  });
});
