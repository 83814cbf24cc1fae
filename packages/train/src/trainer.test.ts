import { type Runtime } from "@dynamo/core";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countingRows, initialWeights, tinyModel, trainerOptions } from "./__fixtures__/tiny.js";
import type { TokenRows } from "./batch.js";
import { createTrainer, type Trainer, type TrainerOptions, type TrainerTensors } from "./trainer.js";

const model = tinyModel();
const length = 10;
const rates = { base: 1e-2, heads: 1e-2 };

let runtime: Runtime;
beforeAll(() => {
  runtime = createNodeRuntime({ device: "cpu", threads: 2 });
});
afterAll(() => runtime.dispose());

async function withTrainer<T>(changes: Partial<TrainerOptions>, use: (trainer: Trainer) => Promise<T>): Promise<T> {
  const trainer = await createTrainer(runtime, model, { weights: initialWeights(model) }, trainerOptions(changes));
  try {
    return await use(trainer);
  } finally {
    await trainer.dispose();
  }
}

const rows = (batch: number, seed: number): TokenRows => countingRows(batch, length, model.vocabularySize, seed);
const joined = (...parts: TokenRows[]): TokenRows => ({
  tokens: Int32Array.from(parts.flatMap(({ tokens }) => [...tokens])),
});

function largestDifference(a: TrainerTensors, b: TrainerTensors): number {
  let worst = 0;
  for (const [name, values] of a.weights)
    for (const [i, value] of values.entries())
      worst = Math.max(worst, Math.abs(value - ((b.weights.get(name) as Float32Array)[i] as number)));
  return worst;
}

const code = (error: unknown): unknown => (error as { code?: unknown }).code;
const failure = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => new Error("it did not fail"),
    (error: unknown) => error as Error,
  );

describe("a trainer", () => {
  test("adds micro-batches up to what one large batch is", async () => {
    const [first, second] = [rows(2, 0), rows(2, 5)];
    const large = await withTrainer({ batch: 4 }, async (trainer) => {
      const reports = [];
      for (let i = 0; i < 4; i++) reports.push(await trainer.step([joined(first, second)], i, rates));
      return { reports, tensors: await trainer.read() };
    });
    const small = await withTrainer({ microBatches: 2 }, async (trainer) => {
      const reports = [];
      for (let i = 0; i < 4; i++) reports.push(await trainer.step([first, second], i, rates));
      return { reports, tensors: await trainer.read() };
    });
    for (const [i, report] of large.reports.entries()) {
      for (const [head, loss] of report.losses.entries()) expect(small.reports[i]?.losses[head]).toBeCloseTo(loss, 4);
      expect(Math.abs((small.reports[i]?.gradientNorm ?? 0) / report.gradientNorm - 1)).toBeLessThan(1e-3);
    }
    // AdamW's first steps are of the learning rate's size whatever the gradient's: compare against those.
    expect(largestDifference(large.tensors, small.tensors)).toBeLessThan(0.02 * 4 * rates.base);
    expect(largestDifference(large.tensors, { ...large.tensors, weights: await untrained() })).toBeGreaterThan(0.01);
  });

  test("gives every step the same micro-batches' worth: nothing of the last step is left", async () => {
    await withTrainer({ microBatches: 2 }, async (trainer) => {
      const first = await trainer.step([rows(2, 0), rows(2, 5)], 0, { base: 0, heads: 0 });
      const second = await trainer.step([rows(2, 0), rows(2, 5)], 1, { base: 0, heads: 0 });
      expect(second).toEqual(first);
    });
  });

  test("refuses another number of micro-batches", async () => {
    await withTrainer({}, async (trainer) => {
      const error = await failure(trainer.step([rows(2, 0), rows(2, 1)], 0, rates));
      expect(error.message).toContain("a step takes 1 micro-batches, received 2");
    });
  });

  test("leaves the base as it was, bit for bit, when it trains heads only", async () => {
    const before = await untrained();
    await withTrainer({ train: "heads", weightDecay: 0.5, decayAll: true }, async (trainer) => {
      expect(trainer.trained.every((name) => name.startsWith("dynamo.token_heads.2."))).toBe(true);
      const first = await trainer.evaluate(rows(2, 0));
      for (let i = 0; i < 5; i++) await trainer.step([rows(2, i)], i, rates);
      const after = await trainer.read();
      const last = await trainer.evaluate(rows(2, 0));
      for (const [name, values] of after.weights)
        expect([name, Buffer.compare(bytes(values), bytes(before.get(name) as Float32Array)) === 0]).toEqual([
          name,
          !name.startsWith("dynamo."),
        ]);
      expect([last[0] === first[0], (last[1] as number) < (first[1] as number)]).toEqual([true, true]);
      expect([...after.moments1.keys()]).toEqual([...trainer.trained]);
    });
  });

  test("refuses heads only where there are none", async () => {
    const single = tinyModel({ tokenHeads: 1 });
    const options = trainerOptions({ train: "heads", headWeights: [1] });
    const error = await failure(createTrainer(runtime, single, { weights: initialWeights(single) }, options));
    expect([code(error), error.message]).toEqual(["invalid-argument", expect.stringContaining("nothing to train")]);
  });

  test("decays matrices alone, or everything by option", async () => {
    const before = await untrained();
    // With gradients that do not count (a rate of 1 decays by λ; no step is taken where the gradient is 0).
    const decayed = async (decayAll: boolean): Promise<string[]> =>
      withTrainer({ decayAll, weightDecay: 0.5, headWeights: [1e-30, 1e-30] }, async (trainer) => {
        await trainer.step([rows(2, 0)], 0, { base: 1e-3, heads: 1e-3 });
        const { weights } = await trainer.read();
        return [...weights]
          .filter(([name, values]) => {
            const old = before.get(name) as Float32Array;
            return values.some((value, i) => old[i] !== 0 && Math.abs(value / (old[i] as number) - 0.9995) < 1e-6);
          })
          .map(([name]) => name);
      });
    const { shapes } = await withTrainer({}, (trainer) => Promise.resolve(trainer));
    const matrices = [...shapes].filter(([, dims]) => dims.length > 1).map(([name]) => name);
    const gains = [...shapes.keys()].filter((name) => name.endsWith("norm.weight"));
    expect(await decayed(false)).toEqual(matrices);
    expect((await decayed(true)).sort()).toEqual([...matrices, ...gains].sort());
  });

  test("goes on from what it gave out, bit for bit", async () => {
    const whole = await withTrainer({}, async (trainer) => {
      for (let i = 0; i < 6; i++) await trainer.step([rows(2, i)], i, rates);
      return trainer.read();
    });
    const half = await withTrainer({}, async (trainer) => {
      for (let i = 0; i < 3; i++) await trainer.step([rows(2, i)], i, rates);
      return trainer.read();
    });
    const start = { ...half, weights: (name: string) => Promise.resolve(half.weights.get(name) as Float32Array) };
    const trainer = await createTrainer(runtime, model, start, trainerOptions());
    for (let i = 3; i < 6; i++) await trainer.step([rows(2, i)], i, rates);
    expect(await trainer.read()).toEqual(whole);
    await trainer.dispose();
  });

  test("refuses moments that lack what it trains", async () => {
    const moments = await withTrainer({ train: "heads" }, (trainer) => trainer.read());
    const start = { ...moments, weights: initialWeights(model) };
    const error = await failure(createTrainer(runtime, model, start, trainerOptions()));
    expect([code(error), error.message]).toEqual(["invalid-file", expect.stringContaining("moments of gpt_neox")]);
  });
});

describe("what is not finite", () => {
  const poisoned = (name: string, value: number) => ({
    weights: async (wanted: string): Promise<Float32Array> => {
      const values = await initialWeights(model)(wanted);
      return wanted === name ? values.fill(value) : values;
    },
  });

  test.each([
    ["gpt_neox.embed_in.weight", NaN],
    ["gpt_neox.layers.1.attention.query_key_value.weight", Infinity],
    ["embed_out.weight", NaN],
    ["dynamo.token_heads.2.mlp.dense_4h_to_h.bias", NaN],
    ["gpt_neox.final_layer_norm.weight", 3e38],
  ])("in %s stops a step before it changes anything (%d)", async (name, value) => {
    const trainer = await createTrainer(runtime, model, poisoned(name, value), trainerOptions());
    const before = await trainer.read();
    const error = await failure(trainer.step([rows(2, 0)], 0, rates));
    expect([code(error), error.message]).toEqual([
      "runtime",
      expect.stringMatching(/training diverged: the losses are/),
    ]);
    expect(await trainer.read()).toEqual(before);
    expect((await failure(trainer.evaluate(rows(2, 0)))).message).toContain("training diverged: the losses are");
    await trainer.dispose();
  });

  test("says in which micro-batch", async () => {
    const trainer = await createTrainer(
      runtime,
      model,
      poisoned("embed_out.weight", NaN),
      trainerOptions({ microBatches: 3 }),
    );
    const error = await failure(trainer.step([rows(2, 0), rows(2, 1), rows(2, 2)], 0, rates));
    expect(error.message).toContain("in micro-batch 1 of 3");
    await trainer.dispose();
  });

  test("in the gradients alone spoils the weights: the trainer hands them out no more", async () => {
    await withTrainer({ headWeights: [1e38, 1e38] }, async (trainer) => {
      const error = await failure(trainer.step([rows(2, 0)], 0, rates));
      expect(error.message).toMatch(/training diverged: the norm of the gradients is (Infinity|NaN)/);
      for (const use of [trainer.read(), trainer.step([rows(2, 0)], 1, rates), trainer.evaluate(rows(2, 0))])
        expect((await failure(use)).message).toContain("the weights are spoilt");
    });
  });
});

const bytes = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

async function untrained(): Promise<Map<string, Float32Array>> {
  return withTrainer({}, async (trainer) => new Map((await trainer.read()).weights));
}
