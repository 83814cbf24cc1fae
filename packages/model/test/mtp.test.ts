/** A multi-token-prediction module as torch computes it (__fixtures__/mtp.py), in three namings, and what is refused of one. */
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Feed } from "@dynamo/core";
import { parseSafetensorsHeader } from "@dynamo/core/safetensors";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { convertCheckpoint, type ConvertOptions } from "../src/convert.js";
import { inspectModel } from "../src/folder/inspect.js";
import { loadModel } from "../src/folder/load.js";
import { logitsInPieces, pieceSizes } from "./logits-in-pieces.js";
import { memoryFiles, safetensors, type Contents } from "./memory-files.js";
import { difference, readLogits } from "./read-logits.js";

const folder = join(import.meta.dirname, "__fixtures__/mtp");
const { tokens, next_tokens: next } = JSON.parse(readFileSync(join(folder, "tokens.json"), "utf8")) as {
  readonly tokens: number[][];
  readonly next_tokens: number[][];
};
const known = tokens.map((row, i) => [...row, ...(next[i] as number[])]);
const runtime = createNodeRuntime({ device: "cpu", threads: 1 });
let target: string;

beforeAll(async () => {
  target = await mkdtemp(join(tmpdir(), "dynamo-mtp-"));
});
afterAll(async () => {
  await runtime.dispose();
  await rm(target, { recursive: true });
});

/** The base and a module as one checkpoint of two shards. */
function checkpoint(modules: Readonly<Record<string, Uint8Array>>, changes: object = {}): Contents {
  const shards = { base: readFileSync(join(folder, "base.safetensors")), ...modules };
  const names = Object.entries(shards).flatMap(([shard, bytes]) =>
    [...parseSafetensorsHeader(bytes, bytes.length).tensors.keys()].map((name) => [name, `${shard}.safetensors`]),
  );
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as object;
  return {
    "config.json": JSON.stringify({ ...config, ...changes }),
    "model.safetensors.index.json": JSON.stringify({ weight_map: Object.fromEntries(names) as object }),
    ...Object.fromEntries(Object.entries(shards).map(([shard, bytes]) => [`${shard}.safetensors`, bytes])),
  };
}

const moduleOf = (layout: string): Uint8Array => readFileSync(join(folder, `${layout}.safetensors`));

describe.each([
  { layout: "qwen", second: "mtp_2_normed", headKind: "mtp" },
  { layout: "mimo", second: "mtp_2_normed", headKind: "mtp" },
  { layout: "deepseek", second: "mtp_2_layer", headKind: "deepseek-mtp" },
])("$layout", ({ layout, second, headKind }) => {
  const model = (): string => join(target, layout);
  const expected = readLogits(join(folder, "expected-logits.safetensors"), ["head_1", "mtp_1", second]);
  beforeAll(async () => {
    const options = {
      mtp: true,
      tokenHeads: 3,
      dtypes: ["fp32", "fp16", "q8", "int8", "q4"],
      activations: "fp32",
    } as const;
    const report = await convertCheckpoint(memoryFiles(checkpoint({ [layout]: moduleOf(layout) })), model(), options);
    expect(report).toMatchObject({ tokenHeads: 3, untrainedHeads: [], warnings: [] });
  });

  test("logits with the true tokens between are torch's, however the tokens are fed", async () => {
    const loaded = await loadModel(runtime, model(), { dtype: "fp32" });
    expect(loaded.config).toMatchObject({ headKind, headInput: "last", headLayers: 1 });
    expect(loaded.warnings).toEqual([]);
    for (const sizeOf of pieceSizes) {
      const received = await logitsInPieces(loaded, tokens, sizeOf, known);
      received.forEach((logits, row) => expect(difference(logits, expected, row).largest).toBeLessThan(1e-4));
    }
    await loaded.dispose();
  });

  test.each([
    ["fp16", 0.01],
    ["q8", 0.05],
    ["int8", 0.15],
    ["q4", 0.5],
  ] as const)("logits are near torch's in %s", async (dtype, tolerance) => {
    const loaded = await loadModel(runtime, model(), { dtype });
    const received = await logitsInPieces(loaded, tokens, () => 5, known);
    received.forEach((logits, row) => expect(difference(logits, expected, row).relative).toBeLessThan(tolerance));
    await loaded.dispose();
  });
});

describe("the tokens between", () => {
  const load = (): ReturnType<typeof loadModel> => loadModel(runtime, join(target, "qwen"), { dtype: "fp32" });
  const best = (candidates: { readonly ids: Int32Array }[]): number[] => candidates.map(({ ids }) => ids[0] ?? -1);

  test("are the likeliest of the heads before where none are given, also after a roll-back and in a copied row", async () => {
    const loaded = await load();
    const cache = await loaded.createCache({ rows: 2 });
    const row = tokens[0] as number[];
    const ask = async (feeds: Feed[]): Promise<number[][]> => {
      const { candidates } = await loaded.forward(cache, feeds, { heads: 3, topK: 1 });
      return candidates.map((positions) => best([...(positions[0] ?? [])]));
    };
    const [alone] = await ask([{ tokens: row }]);
    const [first, second] = alone as [number, number, number];
    cache.truncate(0, 0);
    expect(await ask([{ tokens: row, between: [[first, second]] }])).toEqual([alone]);
    cache.truncate(0, 0);
    expect(await ask([{ tokens: row, between: [[-1, second]] }])).toEqual([alone]);
    // Drafts that are rejected leave nothing behind.
    cache.truncate(0, 0);
    await ask([{ tokens: [...row.slice(0, 7), 30, 31, 32] }]);
    cache.truncate(0, 7);
    await cache.copyRow(0, 1);
    const both = await ask([{ tokens: row.slice(7) }, { tokens: row.slice(7) }]);
    expect(both).toEqual([alone, alone]);
    await loaded.dispose();
  });

  test.each([
    ["too many for the heads", [[1, 2, 3]]],
    ["not for each position", []],
    ["of another vocabulary", [[40]]],
    ["of a fraction", [[0.5]]],
  ])("are refused when they are %s", async (_, between) => {
    const loaded = await load();
    const cache = await loaded.createCache({ rows: 1 });
    const pass = loaded.forward(cache, [{ tokens: [1, 2], between }], { heads: 3, topK: 1 });
    await expect(pass).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(pass).rejects.toThrow("at most 2 token ids from 0 to 39, or -1");
    expect(cache.lengths).toEqual([0]);
    await loaded.dispose();
  });

  test("are refused by a model whose heads do not look at them", async () => {
    await convertCheckpoint(memoryFiles(checkpoint({})), join(target, "plain"));
    const loaded = await loadModel(runtime, join(target, "plain"));
    const cache = await loaded.createCache({ rows: 1 });
    const pass = loaded.forward(cache, [{ tokens: [1], between: [[2]] }], { heads: 1, topK: 1 });
    await expect(pass).rejects.toThrow("expected a model with conditional heads");
    await loaded.dispose();
  });
});

test("one module serves all heads: its parameters count once", async () => {
  const { parameters, config } = await inspectModel(join(target, "qwen"));
  // Queries, keys, values and output, three feed-forward products, four norms inside, three norms and the product outside.
  const layer = 16 * 12 + 2 * 16 * 6 + 12 * 16 + 3 * 16 * 20 + 2 * 16 + 2 * 6;
  expect(parameters.withTokenHeads - parameters.base).toBe(layer + 3 * 16 + 16 * 32);
  expect(config.tokenHeads).toBe(3);
});

test("a checkpoint's module is left out, and said so, unless it is asked for", async () => {
  const files = (): ReturnType<typeof memoryFiles> => memoryFiles(checkpoint({ qwen: moduleOf("qwen") }));
  const report = await convertCheckpoint(files(), join(target, "without"));
  expect(report.tokenHeads).toBe(1);
  const warning: unknown = expect.stringContaining("an MTP module, which is left out");
  expect(report.warnings).toContainEqual(warning);
  expect((await inspectModel(files())).warnings).toContainEqual(warning);
});

test("if-there takes a module along where there is one", async () => {
  const convert = async (contents: Contents): Promise<number> =>
    (await convertCheckpoint(memoryFiles(contents), join(target, "if-there"), { mtp: "if-there", overwrite: true }))
      .tokenHeads;
  expect(await convert(checkpoint({ qwen: moduleOf("qwen") }))).toBe(2);
  expect(await convert(checkpoint({}))).toBe(1);
});

describe("refused", () => {
  const zeros = (shapes: Readonly<Record<string, number[]>>): Uint8Array =>
    safetensors(
      Object.entries(shapes).map(([name, shape]) => ({
        name,
        shape,
        data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
      })),
    );
  /** The module, its projection replaced by a wider one. */
  const wider = ((): Uint8Array => {
    const bytes = moduleOf("qwen");
    const { tensors } = parseSafetensorsHeader(bytes, bytes.length);
    const shapes = [...tensors].map(([name, { shape }]): [string, number[]] => [name, [...shape]]);
    return zeros(Object.fromEntries([...shapes, ["mtp.fc.weight", [24, 48]]]));
  })();
  const refused = async (contents: Contents, options: ConvertOptions = { mtp: true }): Promise<unknown> =>
    convertCheckpoint(memoryFiles(contents), join(target, "refused"), options);
  const invalid = { code: "invalid-file" };
  const unsupported = { code: "unsupported" };

  test.each([
    ["no module", checkpoint({}), { code: "not-found" }, "expected an MTP module"],
    [
      "a module without its projection",
      checkpoint({ m: zeros({ "mtp.norm.weight": [16] }) }),
      invalid,
      "beside mtp.norm.weight, received none",
    ],
    [
      "a module without a layer",
      checkpoint({ m: zeros({ "mtp.fc.weight": [16, 32], "mtp.norm.weight": [16] }) }),
      invalid,
      "mtp.layers.0.self_attn.q_proj.weight is missing",
    ],
    [
      "a module of another width",
      checkpoint({ qwen: wider }),
      invalid,
      "mtp.fc.weight has shape [24, 48], expected [16, 32]",
    ],
    [
      "several modules",
      checkpoint({
        m: zeros({
          "model.mtp_layers.0.input_proj.weight": [16, 32],
          "model.mtp_layers.1.input_proj.weight": [16, 32],
        }),
      }),
      unsupported,
      "expected one MTP module, received 2",
    ],
    [
      "embeddings of the module's own",
      checkpoint({ qwen: moduleOf("qwen"), m: zeros({ "mtp.embed_tokens.weight": [40, 16] }) }),
      unsupported,
      "expected mtp.embed_tokens.weight to be a copy of model.embed_tokens.weight",
    ],
    [
      "a layer with a window",
      checkpoint(
        { qwen: moduleOf("qwen") },
        {
          use_sliding_window: true,
          sliding_window: 4,
          max_window_layers: 0,
          layer_types: ["sliding_attention", "sliding_attention"],
        },
      ),
      unsupported,
      "a sliding window",
    ],
    [
      "a base with heads",
      checkpoint({ qwen: moduleOf("qwen") }, { dynamo: { token_heads: 2 } }),
      { code: "invalid-argument" },
      "has token heads already",
    ],
  ])("%s", async (_, contents, code, message) => {
    const conversion = refused(contents);
    await expect(conversion).rejects.toMatchObject(code);
    await expect(conversion).rejects.toThrow(message);
  });

  test("both kinds of heads at once", async () => {
    const conversion = refused(checkpoint({ qwen: moduleOf("qwen") }), { mtp: true, medusa: folder });
    await expect(conversion).rejects.toThrow("expected medusa or mtp, received both");
  });
});
