/** Conditional parts of token heads: the graph and what is computed beside it against the formula in float64. */
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNodeRuntime } from "@dynamo/runtime-node";
import type { LanguageModel } from "@dynamo/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { referenceBehind } from "../src/__oracle__/reference-forward.js";
import { parseConfig, type ModelConfig } from "../src/architectures/config.js";
import { uniformTensor } from "../src/checkpoint/initial-weights.js";
import { parameterCount } from "../src/checkpoint/presets.js";
import { convertCheckpoint } from "../src/convert.js";
import { baseShapes, headShapes } from "../src/architectures/tensor-names.js";
import { dequantize, quantize } from "../src/graph/quantize.js";
import { inspectModel } from "../src/folder/inspect.js";
import { loadModel } from "../src/folder/load.js";
import { memoryFiles, safetensors, type Contents } from "./memory-files.js";

const vocabulary = 41;

function configOf(sizes: { readonly pairs?: number; readonly between?: number }, tied = false): ModelConfig {
  return parseConfig({
    model_type: "gpt_neox",
    vocab_size: vocabulary,
    hidden_size: 16,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 24,
    rotary_pct: 0.5,
    max_position_embeddings: 32,
    tie_word_embeddings: tied,
    dynamo: { token_heads: 3, conditional: sizes },
  });
}

/** Tables are what 8 bits can hold, so that only the formula can differ. */
function weightsOf(config: ModelConfig): ReadonlyMap<string, Float32Array> {
  const shapes = new Map([...baseShapes(config), ...headShapes(config, 2), ...headShapes(config, 3)]);
  return new Map(
    [...shapes].map(([name, shape]) => {
      const values = uniformTensor(name, shape, 3, 0.6);
      const [rows, columns] = shape;
      if (!/embed|pairs\.embedding/.test(name) || rows === undefined || columns === undefined) return [name, values];
      return [name, dequantize(quantize(values, rows, columns, 8), rows, columns, 8)];
    }),
  );
}

function filesOf(config: ModelConfig, weights: ReadonlyMap<string, Float32Array>): Contents {
  const shapes = new Map([...baseShapes(config), ...headShapes(config, 2), ...headShapes(config, 3)]);
  const tensors = [...weights].map(([name, data]) => ({ name, shape: shapes.get(name) as readonly number[], data }));
  return { "config.json": JSON.stringify(config.raw), "model.safetensors": safetensors(tensors) };
}

let folder: string;
const runtime = createNodeRuntime({ device: "cpu", threads: 1 });
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-conditional-"));
});
afterAll(async () => {
  await runtime.dispose();
  await rm(folder, { recursive: true });
});

const rows = [
  [3, 1, 4, 1, 5, 9, 2, 6],
  [8, 40, 0],
];
const between = [
  [17, 23],
  [0, 40],
  [23, 17],
];

/** Logits of heads 2 and 3 behind the tokens between, of each row's last position: [row][case][head]. */
async function logitsBehind(model: LanguageModel): Promise<Float32Array[][][]> {
  const cache = await model.createCache({ rows: rows.length });
  const feeds = rows.map((tokens) => ({ tokens }));
  const { candidates, logits } = await model.forward(cache, feeds, { heads: 3, topK: 5, logits: true });
  const all = rows.map((_, row) =>
    between.map((tokens) =>
      [1, 2].map((head) => {
        const at = (row * 3 + head) * vocabulary;
        const own = (logits?.data as Float32Array).slice(at, at + vocabulary);
        candidates[row]?.[0]?.[head]?.conditional?.addBehind(tokens.slice(0, head), undefined, own);
        return own;
      }),
    ),
  );
  await cache.dispose();
  return all;
}

async function expectReference(model: LanguageModel, config: ModelConfig, tolerance: number): Promise<void> {
  const weights = weightsOf(config);
  const read = (name: string): Promise<ArrayLike<number>> => Promise.resolve(weights.get(name) as Float32Array);
  const received = await logitsBehind(model);
  for (const [row, tokens] of rows.entries())
    for (const [i, given] of between.entries())
      for (const head of [1, 2]) {
        const expected = await referenceBehind(read, config, tokens, given.slice(0, head));
        const own = received[row]?.[i]?.[head - 1] as Float32Array;
        expect(Math.max(...own.map((value, id) => Math.abs(value - (expected[id] as number))))).toBeLessThan(tolerance);
      }
}

const kinds = [
  ["pairs", configOf({ pairs: 6 })],
  ["between", configOf({ between: 10 })],
  ["both, embeddings tied", configOf({ pairs: 6, between: 10 }, true)],
] as const;

describe.each(kinds)("%s", (name, config) => {
  const target = (): string => join(folder, name);
  beforeAll(async () => {
    const source = memoryFiles(filesOf(config, weightsOf(config)));
    await convertCheckpoint(source, target(), { dtypes: ["fp32", "fp16", "q8"], activations: "fp32" });
  });

  test("logits behind tokens are the formula's, in a ragged batch", async () => {
    const model = await loadModel(runtime, target(), { dtype: "fp32" });
    expect(model.info.conditionalHeads).toBe(false);
    await expectReference(model, config, 2e-5);
    await model.dispose();
  });

  test.each([
    ["fp16", 0.02],
    ["q8", 0.1],
  ] as const)("%s comes near it", async (dtype, tolerance) => {
    const model = await loadModel(runtime, target(), { dtype });
    await expectReference(model, config, tolerance);
    await model.dispose();
  });

  test("a checkpoint that is converted in memory has it too", async () => {
    const model = await loadModel(runtime, memoryFiles(filesOf(config, weightsOf(config))), { dtype: "fp32" });
    await expectReference(model, config, 2e-5);
    await model.dispose();
  });
});

test("head 1 has none, the others list more tokens than were asked for, and a pass of head 1 alone has none", async () => {
  const model = await loadModel(runtime, join(folder, "between"), { dtype: "fp32" });
  const cache = await model.createCache({ rows: 1 });
  const { candidates } = await model.forward(cache, [{ tokens: [1, 2, 3], positions: 2 }], { heads: 3, topK: 5 });
  for (const [first, second, third] of candidates[0] ?? []) {
    expect(first?.conditional).toBeUndefined();
    for (const head of [second, third]) {
      expect(head?.ids.length).toBe(5);
      expect(head?.conditional?.ids.length).toBe(vocabulary);
      expect(head?.conditional?.ids.slice(0, 5)).toEqual(head?.ids);
      const into = new Float32Array(5);
      expect(() => head?.conditional?.addBehind([1, 2, 3], head.ids, into)).toThrow(/tokens between/);
      expect(() => head?.conditional?.addBehind([vocabulary], head.ids, into)).toThrow(/tokens between/);
    }
  }
  const alone = await model.forward(cache, [{ tokens: [4] }], { heads: 1, topK: 5 });
  expect(alone.candidates[0]?.[0]).toHaveLength(1);
  await cache.dispose();
  await model.dispose();
});

test("some ids' additions are those of all tokens", async () => {
  const model = await loadModel(runtime, join(folder, "both, embeddings tied"), { dtype: "fp32" });
  const cache = await model.createCache({ rows: 1 });
  const { candidates } = await model.forward(cache, [{ tokens: [1, 2, 3] }], { heads: 3, topK: 5 });
  const part = candidates[0]?.[0]?.[2]?.conditional;
  const [all, some] = [new Float32Array(vocabulary), new Float32Array(3)];
  part?.addBehind([4, 5], undefined, all);
  part?.addBehind([4, 5], [7, 0, 40], some);
  expect([...some]).toEqual([7, 0, 40].map((id) => all[id]));
  await cache.dispose();
  await model.dispose();
});

test("inspect says what parts there are, and parameters count", async () => {
  const config = configOf({ pairs: 6, between: 10 }, true);
  const report = await inspectModel(join(folder, "both, embeddings tied"));
  expect(report.config.conditional).toEqual({ pairs: 6, between: 10 });
  const without = parameterCount({ ...config, conditional: undefined }, 3);
  // Of each head a table and an output of pairs; two products of states with a bias, one of each token between, an output.
  const pairs = 6 * vocabulary + 16 * 6;
  const ofHead = (head: number): number => pairs + 2 * (20 * 16) + 20 + (head - 1) * (20 * 16) + 16 * 10;
  expect(report.parameters.withTokenHeads - without).toBe(ofHead(2) + ofHead(3));
  const { size } = await stat(join(folder, "both, embeddings tied", "conditional.safetensors"));
  expect(report.conditionalFile).toEqual({ path: "conditional.safetensors", bytes: size });
  expect(report.warnings).toEqual([]);
});

describe("what is refused", () => {
  const damaged = async (change: (bytes: Uint8Array) => Uint8Array): Promise<string> => {
    const source = join(folder, "between");
    const target = await mkdtemp(join(folder, "damaged-"));
    await convertCheckpoint(
      memoryFiles(filesOf(configOf({ between: 10 }), weightsOf(configOf({ between: 10 })))),
      target,
      {
        dtypes: ["fp32"],
        overwrite: true,
      },
    );
    await writeFile(
      join(target, "conditional.safetensors"),
      change(await readFile(join(source, "conditional.safetensors"))),
    );
    return target;
  };

  test("a file that is missing, cut short, another's, or has values that are not finite", async () => {
    const missing = await damaged((bytes) => bytes);
    await rm(join(missing, "conditional.safetensors"));
    await expect(loadModel(runtime, missing)).rejects.toThrow(/conditional\.safetensors/);
    const { conditionalFile, warnings } = await inspectModel(missing);
    expect([conditionalFile, warnings]).toEqual([
      undefined,
      [expect.stringMatching(/expected conditional\.safetensors, found none/)],
    ]);
    await expect(loadModel(runtime, await damaged((bytes) => bytes.subarray(0, -9)))).rejects.toThrow(
      /conditional\.safetensors: safetensors: .*the file has/,
    );
    const other = await readFile(join(folder, "pairs", "conditional.safetensors"));
    await expect(loadModel(runtime, await damaged(() => other))).rejects.toThrow(
      /conditional\.safetensors: expected tensor .* received/,
    );
    const notFinite = await damaged((bytes) => {
      const changed = Uint8Array.from(bytes);
      const start = 8 + Number(new DataView(changed.buffer).getBigUint64(0, true));
      changed.fill(0xff, start, start + 4);
      return changed;
    });
    await expect(loadModel(runtime, notFinite)).rejects.toThrow(/values that are not finite/);
  });

  test("sizes that cannot be, and heads that cannot have them", () => {
    const raw = configOf({ between: 10 }).raw;
    const withDynamo = (dynamo: object): object => ({ ...raw, dynamo: { token_heads: 3, ...dynamo } });
    expect(() => parseConfig(withDynamo({ conditional: { between: -1 } }))).toThrow(/dynamo\.conditional\.between/);
    expect(() => parseConfig(withDynamo({ conditional: { pairs: 1e9 } }))).toThrow(/dynamo\.conditional\.pairs/);
    expect(() => parseConfig(withDynamo({ conditional: 5 }))).toThrow(/dynamo\.conditional must be an object/);
    const own = { conditional: { pairs: 4 }, own_output_embedding: true };
    expect(() => parseConfig(withDynamo(own))).toThrow(/share the base's output embedding, received/);
    const parts = { conditional: { pairs: 4 } };
    expect(() => parseConfig(withDynamo({ ...parts, head_kind: "mtp" }))).toThrow(
      "dynamo.conditional: expected decoder heads, received mtp heads, which know the tokens between already",
    );
    expect(() => parseConfig(withDynamo({ ...parts, head_kind: "medusa" }))).toThrow(
      "dynamo.conditional: expected decoder heads, received medusa heads",
    );
    expect(parseConfig(withDynamo({ conditional: {} })).conditional).toBeUndefined();
  });
});
