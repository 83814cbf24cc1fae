/** Conditional parts in training: their gradients, what a trainer changes of them, and that the converted model says the same. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Runtime } from "@dynamo/core";
import { initialTensor, isConditionalTensor, loadModel, uniformTensor } from "@dynamo/model";
import { convertCheckpoint, dequantize, quantize, stemGraphFile, writeStem } from "@dynamo/model/convert";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dense, evaluate, type Dense } from "../__oracle__/evaluate.js";
import { countingRows, trainerOptions, largestDifference } from "../__fixtures__/tiny.js";
import { tinyConfig, tinyWeights, writeTinyCheckpoint } from "../__fixtures__/tiny-checkpoint.js";
import { createTrainer, type Trainer, type TrainerOptions } from "../trainer.js";
import { gradientGraph, gradientName } from "./gradient-graph.js";
import { isTrained, trainingShapes } from "./lora.js";

const config = tinyConfig(3, { dynamo: { token_heads: 3, conditional: { pairs: 5, between: 7 } } });
const shapes = trainingShapes(config, undefined);
const shapeOf = (name: string): readonly number[] => shapes.get(name) as readonly number[];
const parts = [...shapes.keys()].filter(isConditionalTensor);

/** As a run begins: outputs are zero. */
const initial = new Map(
  [...tinyWeights(config)].map(([name, values]) => [
    name,
    isConditionalTensor(name) ? initialTensor(name, shapeOf(name), 5) : values,
  ]),
);
/** As one may end; tables are what 8 bits can hold, as the converted model has them. */
const noise = (name: string): Float32Array => uniformTensor(name, shapeOf(name), 3, 0.08);
const trainedWeights = new Map(
  [...initial].map(([name, values]) => {
    const own = isConditionalTensor(name) ? noise(name) : values;
    const [rows, columns] = shapeOf(name);
    if (!name.includes("embed") || rows === undefined || columns === undefined) return [name, own];
    return [name, dequantize(quantize(own, rows, columns, 8), rows, columns, 8)];
  }),
);

let runtime: Runtime;
let folder: string;
beforeAll(async () => {
  runtime = createNodeRuntime({ device: "cpu", threads: 2 });
  folder = await mkdtemp(join(tmpdir(), "dynamo-conditional-"));
});
afterAll(async () => {
  await runtime.dispose();
  await rm(folder, { recursive: true });
});

const batch = countingRows(2, 8 + 3, 288);
const adamw = { beta1: 0.9, beta2: 0.95, epsilon: 1e-3, clipNorm: 1 };

function open(
  changes: Partial<TrainerOptions>,
  weights: ReadonlyMap<string, Float32Array> = initial,
): Promise<Trainer> {
  const read = (name: string): Promise<Float32Array> => Promise.resolve((weights.get(name) as Float32Array).slice());
  const options = trainerOptions({ train: "conditional", headWeights: [1, 1, 1], weightDecay: 0, adamw, ...changes });
  return createTrainer(runtime, config, { weights: read }, options);
}

async function trainFor(trainer: Trainer, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) await trainer.step([batch], step, { base: 1e-3, heads: 1e-2 });
}

describe("a trainer of conditional parts", () => {
  test("begins with the heads' own losses, changes the parts alone, and learns", async () => {
    const trainer = await open({});
    expect([...trainer.trained].sort()).toEqual([...parts].sort());
    const before = await trainer.evaluate(batch);
    expect(before).toHaveLength(5);
    expect(largestDifference(before.slice(3), before.slice(1, 3))).toBeLessThan(1e-5);
    const report = await trainer.step([batch], 0, { base: 1e-3, heads: 1e-2 });
    expect([report.losses.length, report.conditionalLosses.length]).toEqual([3, 2]);
    await trainFor(trainer, 60);
    const after = await trainer.evaluate(batch);
    expect(after.slice(0, 3)).toEqual(before.slice(0, 3));
    for (const i of [3, 4]) expect(after[i]).toBeLessThan(0.5 * (before[i] as number));
    const { weights } = await trainer.read();
    for (const [name, values] of initial)
      if (!isConditionalTensor(name)) expect(weights.get(name), name).toEqual(values);
    await trainer.dispose();
  });

  test.each(["heads", "all"] as const)("with train %s changes what that says", async (train) => {
    const trainer = await open({ train });
    await trainFor(trainer, 3);
    const { weights } = await trainer.read();
    for (const [name, values] of initial)
      expect([name, largestDifference(weights.get(name) ?? [], values) > 0]).toEqual([
        name,
        isTrained(name, train, undefined),
      ]);
    await trainer.dispose();
  });

  test("on a stem session is the same, learning from head 1 or not", async () => {
    await writeTinyCheckpoint(join(folder, "base"), config);
    await writeStem(join(folder, "base"), join(folder, "stem"), { dtype: "fp32" });
    const stem = { path: join(folder, "stem", stemGraphFile) };
    for (const distillation of [0, 0.7]) {
      const [whole, apart] = [await open({ distillation }), await open({ distillation, stem })];
      for (const trainer of [whole, apart]) await trainFor(trainer, 4);
      expect(largestDifference(await apart.evaluate(batch), await whole.evaluate(batch))).toBeLessThan(1e-4);
      await whole.dispose();
      await apart.dispose();
    }
  });

  test("refuses a model without them", async () => {
    const plain = tinyConfig(3);
    const weights = (name: string): Promise<Float32Array> =>
      Promise.resolve(tinyWeights(plain).get(name) as Float32Array);
    const options = trainerOptions({ train: "conditional", headWeights: [1, 1, 1] });
    await expect(createTrainer(runtime, plain, { weights }, options)).rejects.toThrow(/no conditional parts/);
  });
});

test("the converted model says behind the true tokens what training measures", async () => {
  const source = join(folder, "trained");
  await writeTinyCheckpoint(source, config, { weights: trainedWeights });
  const trainer = await open({}, trainedWeights);
  const losses = await trainer.evaluate(batch);
  await trainer.dispose();
  await convertCheckpoint(source, join(folder, "model"), { dtypes: ["fp32"] });
  const model = await loadModel(runtime, join(folder, "model"));
  const cache = await model.createCache({ rows: 2 });
  const rowOf = (row: number): Int32Array => batch.tokens.subarray(row * 11, (row + 1) * 11);
  const feeds = [0, 1].map((row) => ({ tokens: rowOf(row).subarray(0, 8), positions: 8 }));
  const { candidates, logits } = await model.forward(cache, feeds, { heads: 3, topK: 1, logits: true });
  for (const head of [1, 2]) {
    let sum = 0;
    for (const row of [0, 1])
      for (let position = 0; position < 8; position++) {
        const targets = rowOf(row).subarray(position + 1, position + 1 + head + 1);
        const at = ((row * 8 + position) * 3 + head) * 288;
        const own = Float64Array.from((logits?.data as Float32Array).subarray(at, at + 288));
        candidates[row]?.[position]?.[head]?.conditional?.addBehind(targets.subarray(0, head), undefined, own);
        sum += Math.log(own.reduce((total, logit) => total + Math.exp(logit), 0)) - (own[targets[head] ?? -1] ?? NaN);
      }
    expect(Math.abs(sum / 16 - (losses[2 + head] ?? NaN))).toBeLessThan(1e-4);
    expect(Math.abs((losses[2 + head] ?? NaN) - (losses[head] ?? NaN))).toBeGreaterThan(2e-3);
  }
  await cache.dispose();
  await model.dispose();
});

test("gradients of the parts and of the heads under them are those of the loss", async () => {
  const [rows, tokenHeads] = [2 * 5, config.tokenHeads];
  const names = [...parts, "dynamo.token_heads.2.attention.dense.weight"];
  const model = gradientGraph({
    ...{ config, shapes, batch: 2, sequence: 5, trained: new Set(names), stemGradientScale: 0.1 },
    headWeights: [1, 1, 0.5],
    accumulate: false,
  });
  const ids = (length: number, factor: number) => Float64Array.from({ length }, (_, i) => (i * factor + 2) % 288);
  const inputs: Record<string, Dense> = Object.fromEntries(
    [...trainedWeights].map(([name, values]) => [name, dense(shapeOf(name), values)]),
  );
  inputs["tokens"] = dense([2, 5], ids(rows, 3));
  inputs["targets"] = dense([tokenHeads, rows], ids(tokenHeads * rows, 5));
  inputs["target_weights"] = dense([tokenHeads, rows], new Float64Array(tokenHeads * rows).fill(1 / rows));
  const along = new Map(names.map((name) => [name, noise(name).map((x) => Math.sin(97 * x))]));
  const values = await evaluate(model.graph, inputs);
  for (const name of names) {
    const loss = async (step: number): Promise<number> => {
      const { dims, data } = inputs[name] as Dense;
      const moved = dense(
        dims,
        data.map((value, i) => value + step * (along.get(name)?.[i] ?? NaN)),
      );
      const losses = (await evaluate(model.graph, { ...inputs, [name]: moved })).get("losses")?.data ?? [];
      return [1, 1, 0.5, 1, 0.5].reduce((sum, weight, i) => sum + weight * (losses[i] ?? NaN), 0);
    };
    const gradient = values.get(`${gradientName(name)}.next`)?.data ?? [];
    const slope = Array.from(gradient).reduce((sum, value, i) => sum + value * (along.get(name)?.[i] ?? NaN), 0);
    const measured = ((await loss(1e-5)) - (await loss(-1e-5))) / 2e-5;
    expect(Math.abs(measured - slope), name).toBeLessThan(1e-6 * Math.max(1, Math.abs(slope)));
    expect(Math.abs(slope), name).toBeGreaterThan(1e-4);
  }
});
