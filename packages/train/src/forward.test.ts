/** Heads on a stem session against the same heads in one graph with their base. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Runtime } from "@dynamo/core";
import type { ModelConfig } from "@dynamo/model";
import { stemGraphFile, writeStem } from "@dynamo/model/convert";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tinyConfig, tinyWeights, writeTinyCheckpoint } from "./__fixtures__/tiny-checkpoint.js";
import type { TokenRows } from "./batch.js";
import { createTrainer, type Trainer, type TrainerOptions } from "./trainer.js";
import { largestDifference } from "./__fixtures__/tiny.js";

const options: TrainerOptions = {
  batch: 2,
  sequence: 12,
  microBatches: 2,
  train: "heads",
  stemGradientScale: 0.1,
  headWeights: [1, 1, 0.5],
  weightDecay: 0.01,
  decayAll: false,
  // A large ε: where a gradient is rounding alone (a key's bias), AdamW would make steps out of it.
  adamw: { beta1: 0.9, beta2: 0.95, epsilon: 1e-3, clipNorm: 1 },
};

let folder: string;
let runtime: Runtime;
let stems = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-forward-"));
  runtime = createNodeRuntime({ device: "cpu", threads: 2 });
});
afterAll(async () => {
  await runtime.dispose();
  await rm(folder, { recursive: true });
});

async function stemOf(config: ModelConfig): Promise<{ readonly path: string }> {
  const place = join(folder, `checkpoint-${stems++}`);
  await writeTinyCheckpoint(place, config);
  await writeStem(place, join(place, "stem"), { dtype: "fp32" });
  return { path: join(place, "stem", stemGraphFile) };
}

function batchAt(step: number): TokenRows {
  const tokens = Int32Array.from({ length: 2 * 15 }, (_, i) => (step * 31 + i * i * 7) % 288);
  return { tokens, counted: Uint8Array.from(tokens, (_, i) => (i % 5 === 0 ? 0 : 1)) };
}

/** Names of the weights that were asked for. */
async function open(
  config: ModelConfig,
  changes: Partial<TrainerOptions>,
): Promise<{ trainer: Trainer; asked: string[] }> {
  const weights = tinyWeights(config);
  const asked: string[] = [];
  const read = (name: string): Promise<Float32Array> => {
    asked.push(name);
    return Promise.resolve((weights.get(name) as Float32Array).slice());
  };
  const headWeights = options.headWeights.slice(0, config.tokenHeads);
  const own = { ...options, headWeights, ...changes };
  return { trainer: await createTrainer(runtime, config, { weights: read }, own), asked };
}

interface Trained {
  readonly losses: readonly number[][];
  readonly norms: readonly number[];
}

async function trainFor(trainer: Trainer, steps: number): Promise<Trained> {
  const [losses, norms]: [number[][], number[]] = [[], []];
  for (let step = 0; step < steps; step++) {
    const report = await trainer.step([batchAt(2 * step), batchAt(2 * step + 1)], step, { base: 0, heads: 2e-3 });
    losses.push([...report.losses]);
    norms.push(report.gradientNorm);
  }
  return { losses, norms };
}

describe("heads on a stem session", () => {
  test.each([
    ["untied", {}],
    ["tied embeddings", { tie_word_embeddings: true }],
    ["two layers a head, on the last base layer", { dynamo: { token_heads: 3, head_layers: 2, head_input: "last" } }],
    ["each head on the one before", { dynamo: { token_heads: 3, head_input: "previous" } }],
    ["an output embedding a head", { dynamo: { token_heads: 3, own_output_embedding: true } }],
  ])("train as in one graph: %s", async (_, changes) => {
    const config = tinyConfig(3, changes);
    const { trainer: whole } = await open(config, {});
    const { trainer: apart } = await open(config, { stem: await stemOf(config) });
    const [expected, found] = [await trainFor(whole, 5), await trainFor(apart, 5)];
    expect([whole.firstHead, apart.firstHead]).toEqual([1, 2]);
    const others = expected.losses.map((losses) => losses.slice(1));
    expect(largestDifference(found.losses.flat(), others.flat())).toBeLessThan(1e-5);
    // Norms are no means: rounding grows with them.
    for (const [i, norm] of found.norms.entries())
      expect(Math.abs(norm / (expected.norms[i] as number) - 1)).toBeLessThan(1e-5);

    const [reference, own] = [await whole.read(), await apart.read()];
    expect([...own.weights.keys()].sort()).toEqual([...apart.trained].sort());
    for (const [name, values] of tinyWeights(config))
      if (own.weights.has(name))
        expect(largestDifference(values, own.weights.get(name) ?? []), name).toBeGreaterThan(1e-4);
    for (const kind of ["weights", "moments1", "moments2"] as const)
      for (const [name, values] of own[kind])
        expect(largestDifference(values, reference[kind].get(name) as Float32Array), name).toBeLessThan(1e-5);

    const evaluated = await apart.evaluate(batchAt(20));
    expect(evaluated).toHaveLength(3);
    expect(largestDifference(evaluated, await whole.evaluate(batchAt(20)))).toBeLessThan(1e-5);
    await whole.dispose();
    await apart.dispose();
  });

  test.each([false, true])("learn from head 1 as in one graph; own embeddings: %j", async (own) => {
    const config = tinyConfig(3, { dynamo: { token_heads: 3, own_output_embedding: own } });
    const { trainer: whole } = await open(config, { distillation: 0.5 });
    const { trainer: apart } = await open(config, { distillation: 0.5, stem: await stemOf(config) });
    const [expected, found] = [await trainFor(whole, 3), await trainFor(apart, 3)];
    expect(largestDifference(found.losses.flat(), expected.losses.flat())).toBeLessThan(1e-5);
    const reference = await whole.read();
    for (const [name, values] of (await apart.read()).weights)
      expect(largestDifference(values, reference.weights.get(name) as Float32Array), name).toBeLessThan(1e-5);
    await whole.dispose();
    await apart.dispose();
  });

  test("ask for no base weights but the final norm and the output embedding", async () => {
    const config = tinyConfig(2);
    const { trainer, asked } = await open(config, { stem: await stemOf(config), headWeights: [1, 1] });
    expect(asked.filter((name) => !name.startsWith("dynamo.token_heads.2.")).sort()).toEqual([
      "embed_out.weight",
      "gpt_neox.final_layer_norm.bias",
      "gpt_neox.final_layer_norm.weight",
    ]);
    expect([...trainer.shapes.keys()].sort()).toEqual(asked.sort());
    await trainer.dispose();
  });

  test("refuse a base that is trained too, another model's stem, and a model of one head", async () => {
    const config = tinyConfig(2);
    const stem = await stemOf(config);
    await expect(open(config, { stem, train: "all" })).rejects.toThrow(/frozen/);
    await expect(open(tinyConfig(2, { hidden_size: 64 }), { stem })).rejects.toThrow(/width 64, received width 32/);
    await expect(open(tinyConfig(1), { stem })).rejects.toThrow(/at least 2 token heads/);
  });
});
