/** LoRA heads: their gradients, what a trainer changes of them, and that the merged model is the same model. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Runtime } from "@dynamo/core";
import { initialTensor } from "@dynamo/model";
import { stemGraphFile, writeStem } from "@dynamo/model/convert";
import { createNodeRuntime } from "@dynamo/runtime-node";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dense, evaluate, type Dense } from "../__oracle__/evaluate.js";
import { countingRows, trainerOptions, largestDifference } from "../__fixtures__/tiny.js";
import { tinyConfig, tinyWeights, writeTinyCheckpoint } from "../__fixtures__/tiny-checkpoint.js";
import { createTrainer, type Trainer, type TrainerOptions } from "../trainer.js";
import { gradientGraph, gradientName } from "./gradient-graph.js";
import { initialFactor, isFactor, isTrained, mergedWeights, trainingShapes, type HeadLora } from "./lora.js";

const lora: HeadLora = { rank: 3, alpha: 6 };
const config = tinyConfig(3);
const shapes = trainingShapes(config, lora);
const shapeOf = (name: string): readonly number[] => shapes.get(name) as readonly number[];
const factors = [...shapes.keys()].filter(isFactor);
const inHead = "dynamo.token_heads.2.attention.dense";

/** The base's last layer in both heads, as runs begin. */
const initial = new Map(
  [...shapes.keys()].map((name) => {
    const source = name.replace(/^dynamo\.token_heads\.\d+\./, `gpt_neox.layers.${config.layers - 1}.`);
    return [name, tinyWeights(config).get(source) ?? initialFactor(name, shapeOf(name), 5)] as const;
  }),
);

let runtime: Runtime;
let folder: string;
beforeAll(async () => {
  runtime = createNodeRuntime({ device: "cpu", threads: 2 });
  folder = await mkdtemp(join(tmpdir(), "dynamo-lora-"));
});
afterAll(async () => {
  await runtime.dispose();
  await rm(folder, { recursive: true });
});

const batch = countingRows(2, 8 + 3, 288);
function open(
  changes: Partial<TrainerOptions>,
  weights: ReadonlyMap<string, Float32Array> = initial,
): Promise<Trainer> {
  const read = (name: string): Promise<Float32Array> => Promise.resolve((weights.get(name) as Float32Array).slice());
  const options = trainerOptions({
    train: "heads",
    headWeights: [1, 1, 1],
    headLora: lora,
    weightDecay: 0,
    ...changes,
  });
  return createTrainer(runtime, config, { weights: read }, options);
}

async function trainFor(trainer: Trainer, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) await trainer.step([batch], step, { base: 1e-3, heads: 1e-2 });
}

describe("a trainer of LoRA heads", () => {
  test("changes the factors alone, learns, and computes what the merged model computes", async () => {
    const trainer = await open({});
    expect([...trainer.trained].sort()).toEqual([...factors].sort());
    const before = await trainer.evaluate(batch);
    await trainFor(trainer, 60);
    const after = await trainer.evaluate(batch);
    expect(after[0]).toBe(before[0]);
    for (const head of [1, 2]) expect(after[head]).toBeLessThan(0.5 * (before[head] as number));

    const { weights } = await trainer.read();
    for (const [name, values] of initial) {
      if (isFactor(name)) expect(largestDifference(weights.get(name) ?? [], values), name).toBeGreaterThan(1e-4);
      else expect(weights.get(name), name).toEqual(values);
    }
    const merged = await open({ headLora: undefined }, mergedWeights(weights, lora));
    expect(largestDifference(await merged.evaluate(batch), after)).toBeLessThan(1e-5);
    await trainer.dispose();
    await merged.dispose();
  });

  test("begins as the base's last layer, whatever A is", () => {
    const merged = mergedWeights(initial, lora);
    expect([...merged.keys()].some(isFactor)).toBe(false);
    for (const [name, values] of merged) expect(values, name).toEqual(initial.get(name));
    expect(initial.get(`${inHead}.lora_b`)?.every((value) => value === 0)).toBe(true);
    const a = initial.get(`${inHead}.lora_a`) ?? new Float32Array();
    const bound = 1 / Math.sqrt(config.hiddenSize);
    expect(Math.max(...a.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(Math.max(...a)).toBeGreaterThan(bound / 2);
    expect(Math.min(...a)).toBeLessThan(-bound / 2);
    expect(initialFactor(`${inHead}.lora_a`, shapeOf(`${inHead}.lora_a`), 6)).not.toEqual(a);
  });

  test("changes the base too when all is trained, and not the copies", async () => {
    const trainer = await open({ train: "all" });
    await trainFor(trainer, 3);
    const { weights } = await trainer.read();
    for (const [name, values] of initial)
      expect([name, largestDifference(weights.get(name) ?? [], values) > 0]).toEqual([
        name,
        isTrained(name, "all", lora),
      ]);
    await trainer.dispose();
  });

  test("on a stem session is the same", async () => {
    await writeTinyCheckpoint(join(folder, "base"), config);
    await writeStem(join(folder, "base"), join(folder, "stem"), { dtype: "fp32" });
    const stem = { path: join(folder, "stem", stemGraphFile) };
    const adamw = { beta1: 0.9, beta2: 0.95, epsilon: 1e-3, clipNorm: 1 };
    const [whole, apart] = [await open({ adamw }), await open({ adamw, stem })];
    for (const trainer of [whole, apart]) await trainFor(trainer, 4);
    expect(largestDifference(await apart.evaluate(batch), await whole.evaluate(batch))).toBeLessThan(1e-5);
    const reference = (await whole.read()).weights;
    for (const [name, values] of (await apart.read()).weights)
      expect(largestDifference(values, reference.get(name) ?? []), name).toBeLessThan(1e-5);
    await whole.dispose();
    await apart.dispose();
  });
});

test("gradients of the factors are those of the loss", async () => {
  const [rows, tokenHeads] = [2 * 5, config.tokenHeads];
  const model = gradientGraph({
    config,
    shapes,
    batch: 2,
    sequence: 5,
    trained: new Set(factors),
    stemGradientScale: 0.1,
    lora,
    headWeights: [1, 1, 1],
    accumulate: false,
  });
  const ids = (length: number, factor: number) => Float64Array.from({ length }, (_, i) => (i * factor + 2) % 288);
  const noise = (name: string): number[] => [...initialTensor(`noise ${name}`, shapeOf(name), 3)].map((x) => 5 * x);
  const inputs: Record<string, Dense> = Object.fromEntries(
    [...initial].map(([name, values]) => [name, dense(shapeOf(name), isFactor(name) ? noise(name) : values)]),
  );
  inputs["tokens"] = dense([2, 5], ids(rows, 3));
  inputs["targets"] = dense([tokenHeads, rows], ids(tokenHeads * rows, 5));
  inputs["target_weights"] = dense([tokenHeads, rows], new Float64Array(tokenHeads * rows).fill(1 / rows));
  const along = new Map(factors.map((name) => [name, noise(name).map((x) => Math.sin(97 * x))]));
  const loss = async (step: number): Promise<number> => {
    const moved = factors.map((name) => {
      const { dims, data } = inputs[name] as Dense;
      return [
        name,
        dense(
          dims,
          data.map((value, i) => value + step * (along.get(name)?.[i] ?? NaN)),
        ),
      ] as const;
    });
    const losses = (await evaluate(model.graph, { ...inputs, ...Object.fromEntries(moved) })).get("losses")?.data ?? [];
    return Array.from(losses).reduce((sum, each) => sum + each, 0);
  };
  const values = await evaluate(model.graph, inputs);
  const slope = factors.reduce((sum, name) => {
    const gradient = values.get(`${gradientName(name)}.next`)?.data ?? [];
    return sum + Array.from(gradient).reduce((own, value, i) => own + value * (along.get(name)?.[i] ?? NaN), 0);
  }, 0);
  expect(((await loss(1e-6)) - (await loss(-1e-6))) / 2e-6).toBeCloseTo(slope, 6);
  expect(Math.abs(slope)).toBeGreaterThan(0.01);
});

test("merging adds α/r · B·A, for matrices of any size", () => {
  const number = fc.double({ min: -4, max: 4, noNaN: true }).map(Math.fround);
  const size = fc.integer({ min: 1, max: 5 });
  const cases = fc.tuple(size, size, size).chain(([outputs, inputs, rank]) => {
    const floats = (length: number) => fc.array(number, { minLength: length, maxLength: length });
    return fc.tuple(
      fc.constant([outputs, inputs, rank] as const),
      floats(outputs * inputs),
      floats(rank * inputs),
      floats(outputs * rank),
    );
  });
  fc.assert(
    fc.property(cases, number, ([[, inputs, rank], weight, a, b], alpha) => {
      const own = new Map([
        [`${inHead}.weight`, Float32Array.from(weight)],
        [`${inHead}.lora_a`, Float32Array.from(a)],
        [`${inHead}.lora_b`, Float32Array.from(b)],
      ]);
      const found = mergedWeights(own, { rank, alpha });
      expect([...found.keys()]).toEqual([`${inHead}.weight`]);
      const update = (row: number, column: number): number =>
        Array.from({ length: rank }, (_, r) => (b[row * rank + r] ?? NaN) * (a[r * inputs + column] ?? NaN)).reduce(
          (x, y) => x + y,
        );
      const expected = weight.map((value, i) => value + (alpha / rank) * update(Math.floor(i / inputs), i % inputs));
      expect(largestDifference(found.get(`${inHead}.weight`) ?? [], expected)).toBeLessThan(1e-3);
    }),
  );
});
