/** Token heads of other architectures: what is trained is what is decoded with, and it learns. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Runtime } from "@dynamo/core";
import { architectureOf, initialTensor, loadModel, parseConfig, type ModelConfig } from "@dynamo/model";
import { convertCheckpoint, writeRandomCheckpoint } from "@dynamo/model/convert";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dense, evaluate, type Dense } from "../src/__oracle__/evaluate.js";
import { gradientGraph, gradientName } from "../src/graph/gradient-graph.js";
import { modelShapes } from "../src/graph/model-shapes.js";
import { createTrainer, type Trainer, type TrainerOptions } from "../src/trainer.js";

const variants = [
  { token_heads: 3 },
  { token_heads: 3, head_layers: 2 },
  { token_heads: 3, head_input: "last" },
  { token_heads: 4, head_input: "previous" },
  { token_heads: 3, head_input: "previous", head_layers: 2 },
  { token_heads: 3, own_output_embedding: true },
];

const vocabularySize = 13;
const sizes = {
  vocab_size: vocabularySize,
  hidden_size: 16,
  num_attention_heads: 2,
  intermediate_size: 24,
  max_position_embeddings: 32,
};
const neox = { ...sizes, model_type: "gpt_neox", num_hidden_layers: 2, rotary_pct: 0.5 };
/** Its last layer, which heads are like, has a convolution. */
const hybrid = {
  ...{ ...sizes, model_type: "lfm2", num_hidden_layers: 3, num_key_value_heads: 1, block_auto_adjust_ff_dim: false },
  ...{ layer_types: ["conv", "full_attention", "conv"], conv_bias: true, tie_word_embeddings: false },
};
const bases = { gpt_neox: neox, lfm2: hybrid };
type Base = keyof typeof bases;
const configOf = (dynamo: Record<string, unknown>, base: Base = "gpt_neox"): ModelConfig =>
  parseConfig({ ...bases[base], dynamo });

const options: TrainerOptions = {
  batch: 2,
  sequence: 9,
  microBatches: 1,
  train: "all",
  stemGradientScale: 0.1,
  headWeights: [],
  weightDecay: 0,
  decayAll: false,
  adamw: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, clipNorm: 1 },
};
const seed = 5;
const initial = (config: ModelConfig) => {
  const shapes = modelShapes(config);
  return (name: string) => Promise.resolve(initialTensor(name, shapes.get(name) as readonly number[], seed));
};
const rowsOf = (tokenHeads: number): Int32Array =>
  Int32Array.from(
    { length: options.batch * (options.sequence + tokenHeads) },
    (_, i) => (i * i * 5 + 3 * i) % vocabularySize,
  );

const cases = (Object.keys(bases) as Base[]).flatMap((base) => variants.map((dynamo) => ({ base, dynamo })));

describe.each(cases)("$base, $dynamo", ({ base, dynamo }) => {
  const config = configOf(dynamo, base);
  const { layerPrefix, embedding } = architectureOf(config);
  const last = config.layers - 1;
  const stem = Array.from({ length: last }, (_, layer) => layer);
  const { tokenHeads } = config;
  let runtime: Runtime;
  let folder: string;
  let trainer: Trainer;
  beforeAll(async () => {
    runtime = createNodeRuntime({ device: "cpu", threads: 1 });
    folder = await mkdtemp(join(tmpdir(), "dynamo-variants-"));
    const headWeights = new Array<number>(tokenHeads).fill(1);
    trainer = await createTrainer(runtime, config, { weights: initial(config) }, { ...options, headWeights });
  });
  afterAll(async () => {
    await trainer.dispose();
    await runtime.dispose();
    await rm(folder, { recursive: true });
  });

  test("the loss is the cross entropy of the logits that decoding sees", async () => {
    const tokens = rowsOf(tokenHeads);
    await writeRandomCheckpoint(join(folder, "checkpoint"), { config, seed });
    await convertCheckpoint(join(folder, "checkpoint"), join(folder, "model"));
    const model = await loadModel(runtime, join(folder, "model"));
    const length = options.sequence + tokenHeads;
    const rows = Array.from({ length: options.batch }, (_, row) => tokens.subarray(row * length, (row + 1) * length));
    const cache = await model.createCache({ rows: rows.length });
    const feeds = rows.map((row) => ({ tokens: row.subarray(0, options.sequence), positions: options.sequence }));
    const { logits } = await model.forward(cache, feeds, { heads: tokenHeads, topK: 1, logits: true });
    const crossEntropy = (head: number, row: number, position: number): number => {
      const from = ((row * options.sequence + position) * tokenHeads + head) * vocabularySize;
      const own = [...(logits?.data.subarray(from, from + vocabularySize) ?? [])];
      const sum = own.reduce((total, value) => total + Math.exp(value), 0);
      return Math.log(sum) - (own[rows[row]?.[position + head + 1] as number] as number);
    };
    for (const [head, loss] of (await trainer.evaluate({ tokens })).entries()) {
      const each = rows.flatMap((_, row) =>
        Array.from({ length: options.sequence }, (__, position) => crossEntropy(head, row, position)),
      );
      expect(loss).toBeCloseTo(each.reduce((a, b) => a + b) / each.length, 5);
    }
    await cache.dispose();
    await model.dispose();
  });

  test("learns a text by heart", async () => {
    const tokens = rowsOf(tokenHeads);
    for (let step = 0; step < 100; step++) await trainer.step([{ tokens }], step, { base: 0.01, heads: 0.01 });
    for (const loss of await trainer.evaluate({ tokens })) expect(loss).toBeLessThan(0.1);
  });

  test("gradients are those of the loss, and what heads send into the base is scaled where it crosses", async () => {
    const [one, half, none] = await Promise.all([1, 0.5, 0].map((scale) => gradients(config, scale)));
    const { inputs, losses, of } = one as Awaited<ReturnType<typeof gradients>>;
    const names = [...modelShapes(config).keys()];
    // Along one direction in the space of all weights.
    const direction = new Map(names.map((name) => [name, randomFloats((inputs[name] as Dense).data.length, name)]));
    const slope = names.reduce((sum, name) => sum + dot(of(name), direction.get(name) as number[]), 0);
    const at = async (step: number): Promise<number> => losses(moved(inputs, direction, step));
    expect(((await at(2e-6)) - (await at(-2e-6))) / 4e-6).toBeCloseTo(slope, 6);
    for (const name of names) {
      const [g1, gHalf, g0] = [one, half, none].map((each) => each?.of(name) ?? new Float64Array());
      const difference = g1?.map((value, i) => (value + (g0?.[i] ?? 0)) / 2 - (gHalf?.[i] ?? NaN));
      expect(Math.max(...(difference ?? []).map(Math.abs))).toBeLessThan(1e-9);
      const isOf = (layer: number): boolean => name.startsWith(`${layerPrefix(layer)}.`);
      const crosses = stem.some(isOf) || (isOf(last) && isOnLast(config));
      if (crosses) expect(g1).not.toEqual(g0);
      else if (name !== `${embedding}.weight`) expect(g1).toEqual(g0);
    }
  });
});

test("heads that learn from head 1 report their cross entropy, and learn a text by heart", async () => {
  const config = configOf({ token_heads: 3 });
  const runtime = createNodeRuntime({ device: "cpu", threads: 1 });
  const distilled = { ...options, headWeights: [1, 1, 1], distillation: 0.5 };
  const trainer = await createTrainer(runtime, config, { weights: initial(config) }, distilled);
  const tokens = rowsOf(3);
  const before = await trainer.evaluate({ tokens });
  const { losses } = await trainer.step([{ tokens }], 0, { base: 0.01, heads: 0.01 });
  for (const [head, loss] of losses.entries()) expect(loss).toBeCloseTo(before[head] as number, 5);
  for (let step = 1; step < 150; step++) await trainer.step([{ tokens }], step, { base: 0.01, heads: 0.01 });
  for (const loss of await trainer.evaluate({ tokens })) expect(loss).toBeLessThan(0.1);
  await trainer.dispose();
  await runtime.dispose();
});

const isOnLast = ({ headInput }: ModelConfig): boolean => headInput !== "stem";

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * (b[i] as number), 0);

/** From -1 to 1, by a name. */
function randomFloats(length: number, name: string): number[] {
  let state =
    Array.from(name, (character) => character.charCodeAt(0)).reduce((sum, code) => Math.imul(sum, 31) + code, 7) | 0;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 31 - 1;
  });
}

const moved = (inputs: Readonly<Record<string, Dense>>, direction: ReadonlyMap<string, number[]>, step: number) =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, { dims, data }]) => {
      const along = direction.get(name);
      return [
        name,
        along === undefined
          ? { dims, data }
          : dense(
              dims,
              data.map((value, i) => value + step * (along[i] as number)),
            ),
      ];
    }),
  );

/** The training graph in float64, with weights large enough that attention attends somewhere. */
async function gradients(config: ModelConfig, stemGradientScale: number) {
  const shapes = modelShapes(config);
  const [batch, sequence] = [2, 5];
  const rows = batch * sequence;
  const { tokenHeads } = config;
  const model = gradientGraph({
    config,
    shapes,
    batch,
    sequence,
    trained: new Set(shapes.keys()),
    stemGradientScale,
    headWeights: Array.from({ length: tokenHeads }, (_, i) => 1 / (1 + i)),
    accumulate: false,
  });
  const inputs: Record<string, Dense> = Object.fromEntries(
    [...shapes].map(([name, dims]) => {
      const values = initialTensor(name, dims, seed).map((value) =>
        name.endsWith("norm.weight") ? value : 10 * value,
      );
      return [name, dense(dims, values)];
    }),
  );
  const ids = (length: number, factor: number) =>
    Float64Array.from({ length }, (_, i) => (i * factor + 2) % vocabularySize);
  inputs["tokens"] = dense([batch, sequence], ids(rows, 3));
  inputs["targets"] = dense([tokenHeads, rows], ids(tokenHeads * rows, 5));
  inputs["target_weights"] = dense([tokenHeads, rows], new Float64Array(tokenHeads * rows).fill(1 / rows));
  const values = await evaluate(model.graph, inputs);
  return {
    inputs,
    losses: async (changed: Record<string, Dense>): Promise<number> => {
      const losses = (await evaluate(model.graph, changed)).get("losses")?.data ?? [];
      return Array.from(losses).reduce((sum, loss, i) => sum + loss / (1 + i), 0);
    },
    of: (name: string): Float64Array => values.get(`${gradientName(name)}.next`)?.data as Float64Array,
  };
}
