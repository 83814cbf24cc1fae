/** Training in float16 against training in float32, on a CPU that is made to round as float16 does. */
import { createHash } from "node:crypto";
import type { Runtime } from "@dynamo/core";
import type * as Onnx from "@dynamo/onnx";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { countingRows, initialWeights, tinyModel, trainerOptions } from "./__fixtures__/tiny.js";
import { rounded } from "./__fixtures__/rounded.js";
import type { TokenRows } from "./batch.js";
import { initialLossScale, type LossScale } from "./loss-scale.js";
import { createTrainer, type Trainer, type TrainerOptions, type TrainerStart, type TrainerTensors } from "./trainer.js";

vi.mock("@dynamo/onnx", async (original) => {
  const onnx = await original<typeof Onnx>();
  return { ...onnx, encodeOnnx: (graph: Onnx.OnnxModel) => onnx.encodeOnnx(rounded(graph)) };
});

const model = tinyModel({ hiddenSize: 32, tokenHeads: 3 });
const rates = { base: 1e-2, heads: 1e-2 };
const rows = (seed: number): TokenRows => countingRows(2, 11, model.vocabularySize, seed);

let runtime: Runtime;
beforeAll(() => {
  runtime = createNodeRuntime({ device: "cpu", threads: 2 });
});
afterAll(() => runtime.dispose());

async function withTrainer<T>(
  changes: Partial<TrainerOptions>,
  use: (trainer: Trainer) => Promise<T>,
  start: Partial<TrainerStart> = {},
): Promise<T> {
  const options = trainerOptions({ headWeights: [1, 1, 1], precision: "float16", ...changes });
  const trainer = await createTrainer(runtime, model, { weights: initialWeights(model), ...start }, options);
  try {
    return await use(trainer);
  } finally {
    await trainer.dispose();
  }
}

const norm = (values: Float32Array): number => Math.hypot(...values);
const difference = (a: Float32Array, b: Float32Array): number => norm(a.map((value, i) => value - (b[i] as number)));

/** Without clipping and with β₁ = 0, the first moments are the gradients. */
const plain = { beta1: 0, beta2: 0.5, epsilon: 1e-8, clipNorm: Infinity };

const gradientsOf = (
  changes: Partial<TrainerOptions>,
  lossScale?: LossScale,
): Promise<{
  readonly losses: readonly number[];
  readonly norm: number;
  readonly of: ReadonlyMap<string, Float32Array>;
}> =>
  withTrainer(
    { adamw: plain, ...changes },
    async (trainer) => {
      const { losses, gradientNorm } = await trainer.step([rows(0)], 0, rates);
      return { losses, norm: gradientNorm, of: (await trainer.read()).moments1 };
    },
    { lossScale },
  );

/** How far gradients are apart, by the first ones' norms. */
const apart = (a: ReadonlyMap<string, Float32Array>, b: ReadonlyMap<string, Float32Array>): [string, number][] =>
  [...a].map(([name, values]) => [name, difference(values, b.get(name) as Float32Array) / norm(values)]);

/** Weights and moments, bit for bit: one digest for each tensor. */
const bits = (tensors: TrainerTensors): Record<string, string> =>
  Object.fromEntries(
    Object.entries(tensors).flatMap(([kind, values]) =>
      [...(values as ReadonlyMap<string, Float32Array>)].map(([name, data]) => [
        `${kind} ${name}`,
        createHash("sha256").update(data).digest("hex"),
      ]),
    ),
  );

describe("float16", () => {
  test.each([{}, { distillation: 0.5 }])("has float32's gradients within its own rounding (%o)", async (changes) => {
    const [single, half] = [
      await gradientsOf({ precision: "float32", ...changes }),
      await gradientsOf({ precision: "float16", ...changes }),
    ];
    // It is float16: rounded, and not to float32's 1e-7.
    for (const [name, relative] of apart(single.of, half.of))
      expect([name, relative > 1e-5, relative < 1e-2]).toEqual([name, true, true]);
    expect(Math.abs(half.norm / single.norm - 1)).toBeLessThan(1e-2);
    for (const [head, loss] of single.losses.entries()) expect(half.losses[head]).toBeCloseTo(loss, 2);
  });

  test("keeps gradients that are too small for it by the scale of the loss", async () => {
    const headWeights = [1e-6, 1e-6, 1e-6];
    const single = await gradientsOf({ precision: "float32", headWeights });
    const worst = async (scale: number): Promise<number> => {
      const { of } = await gradientsOf({ headWeights }, { scale, goodSteps: 0, skipped: 0 });
      return Math.max(...apart(single.of, of).map(([, relative]) => relative));
    };
    expect(await worst(1)).toBeGreaterThan(0.1);
    expect(await worst(2 ** 16)).toBeLessThan(1e-2);
  });
});

describe("a step whose gradients overflow", () => {
  const huge: LossScale = { scale: 2 ** 40, goodSteps: 7, skipped: 0 };

  test.each([1, 2])("is left out, until the scale is small enough (%d micro-batches)", async (microBatches) => {
    const batches = Array.from({ length: microBatches }, (_, i) => rows(i));
    const { tensors, first } = await withTrainer(
      { microBatches },
      async (trainer) => {
        const before = bits(await trainer.read());
        let report = await trainer.step(batches, 0, rates);
        expect(Number.isFinite(report.gradientNorm)).toBe(false);
        expect(report.lossScale).toEqual({ scale: 2 ** 39, goodSteps: 0, skipped: 1 });
        let step = 1;
        for (; !Number.isFinite(report.gradientNorm) && step < 40; step++) {
          expect(bits(await trainer.read())).toEqual(before);
          report = await trainer.step(batches, step, rates);
        }
        expect(trainer.lossScale).toEqual({ scale: 2 ** (40 - (step - 1)), goodSteps: 1, skipped: step - 1 });
        return { tensors: bits(await trainer.read()), first: step - 1 };
      },
      { lossScale: huge },
    );
    expect(first).toBeGreaterThan(3);
    // Its first update is a first one: that of a run that begins with the scale which is small enough.
    const lossScale = { scale: 2 ** (40 - first), goodSteps: 0, skipped: 0 };
    const begun = await withTrainer(
      { microBatches },
      async (trainer) => {
        await trainer.step(batches, 0, rates);
        return bits(await trainer.read());
      },
      { lossScale },
    );
    expect(tensors).toEqual(begun);
  });

  test("is an error when no scale is small enough, and the weights are as they were", async () => {
    await withTrainer(
      { headWeights: [1e30, 1e30, 1e30] },
      async (trainer) => {
        const before = bits(await trainer.read());
        await trainer.step([rows(0)], 0, rates);
        expect(trainer.lossScale?.scale).toBe(1);
        await expect(trainer.step([rows(0)], 1, rates)).rejects.toMatchObject({
          code: "runtime",
          message: expect.stringMatching(/training diverged: the gradients overflow at every loss scale down to 1/),
        });
        expect(bits(await trainer.read())).toEqual(before);
      },
      { lossScale: { scale: 2, goodSteps: 0, skipped: 0 } },
    );
  });
});

test("without a scale to go on with, training begins with PyTorch's", async () => {
  expect(await withTrainer({}, ({ lossScale }) => Promise.resolve(lossScale))).toEqual(initialLossScale);
  expect(initialLossScale.scale).toBe(65_536);
  expect(await withTrainer({ precision: "float32" }, ({ lossScale }) => Promise.resolve(lossScale))).toBeUndefined();
});
