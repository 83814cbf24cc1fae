import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Feed, LanguageModel, ModelFiles, Runtime } from "@dynamo/core";
import { createNodeRuntime } from "@dynamo/runtime-node";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { referenceLogits } from "../src/__oracle__/reference-forward.js";
import { openCheckpoint } from "../src/checkpoint/checkpoint.js";
import { parseConfig, type ModelConfig } from "../src/architectures/config.js";
import { convertCheckpoint, writeRandomCheckpoint } from "../src/convert.js";
import { inspectModel } from "../src/folder/inspect.js";
import { loadModel, type LoadedModel } from "../src/folder/load.js";
import { nodeFolder } from "../src/node-folder.js";
import { outputEmbedding } from "../src/architectures/tensor-names.js";
import { parameterCount } from "../src/checkpoint/presets.js";
import { logitsInPieces, pieceSizes } from "./logits-in-pieces.js";
import { transpose } from "../src/graph/weights.js";

function tinyConfig(tokenHeads: number, changes: Record<string, unknown> = {}): ModelConfig {
  return parseConfig({
    architectures: ["GPTNeoXForCausalLM"],
    model_type: "gpt_neox",
    vocab_size: 61,
    hidden_size: 48,
    num_hidden_layers: 3,
    num_attention_heads: 3,
    intermediate_size: 80,
    rotary_pct: 0.25,
    max_position_embeddings: 700,
    bos_token_id: 0,
    eos_token_id: 0,
    dynamo: { token_heads: tokenHeads },
    ...changes,
  });
}

let folder: string;
let runtime: Runtime;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-model-"));
  runtime = createNodeRuntime({ device: "cpu" });
});

afterAll(async () => {
  await runtime.dispose();
  await rm(folder, { recursive: true });
});

let made = 0;
const place = (name: string): string => join(folder, `${name}-${made++}`);

async function convertTiny(
  tokenHeads: number,
  options: Parameters<typeof convertCheckpoint>[2] = {},
  changes = {},
): Promise<{ checkpoint: string; model: string }> {
  const checkpoint = place("checkpoint");
  await writeRandomCheckpoint(checkpoint, { config: tinyConfig(tokenHeads, changes), seed: 3 });
  const model = place("model");
  await convertCheckpoint(checkpoint, model, options);
  return { checkpoint, model };
}

const randomTokens = (length: number, seed: number): number[] =>
  Array.from({ length }, (_, i) => (i * i * 7 + i * seed + seed) % 61);

async function oracle(
  checkpointFolder: string,
  config: ModelConfig,
  tokens: readonly number[],
): Promise<Float64Array[]> {
  const checkpoint = await openCheckpoint(nodeFolder(checkpointFolder));
  try {
    return await referenceLogits(checkpoint.read, config, [...tokens]);
  } finally {
    await checkpoint.close();
  }
}

function worst(received: readonly Float32Array[], expected: readonly Float64Array[], vocabularySize: number): number {
  let most = 0;
  received.forEach((logits, i) => {
    const [head, position] = [i % expected.length, Math.floor(i / expected.length)];
    logits.forEach(
      (value, token) =>
        (most = Math.max(most, Math.abs(value - (expected[head]?.[position * vocabularySize + token] ?? NaN)))),
    );
  });
  return most;
}

describe("the graph", () => {
  for (const [heads, changes] of [
    [1, {}],
    [2, { num_hidden_layers: 1 }],
    [3, {}],
    [4, { rotary_pct: 1, num_attention_heads: 4 }],
    [3, { tie_word_embeddings: true, attention_bias: false }],
    [3, { dynamo: { token_heads: 3, head_layers: 2 } }],
    [3, { dynamo: { token_heads: 3, head_input: "last" } }],
    [4, { dynamo: { token_heads: 4, head_input: "previous" } }],
    [2, { dynamo: { token_heads: 2, head_input: "last", head_layers: 2 } }],
    [3, { dynamo: { token_heads: 3, head_input: "previous", head_layers: 2 }, num_hidden_layers: 1 }],
    [3, { dynamo: { token_heads: 3, own_output_embedding: true } }],
    [2, { dynamo: { token_heads: 2, own_output_embedding: true, head_layers: 2 }, tie_word_embeddings: true }],
  ] as const) {
    it(`computes a float64 forward's logits with ${heads} heads and ${JSON.stringify(changes)}, however the tokens are fed`, async () => {
      const { checkpoint, model: modelFolder } = await convertTiny(heads, {}, changes);
      const model = await loadModel(runtime, modelFolder);
      try {
        const rows = [randomTokens(30, 5), randomTokens(30, 11)];
        const expected = await Promise.all(rows.map((tokens) => oracle(checkpoint, model.config, tokens)));
        for (const sizeOf of pieceSizes) {
          const received = await logitsInPieces(model, rows, sizeOf);
          received.forEach((each, row) => expect(worst(each, expected[row] ?? [], 61)).toBeLessThan(1e-4));
        }
        const [alone] = await logitsInPieces(model, rows.slice(1), () => 4);
        expect(worst(alone ?? [], expected[1] ?? [], 61)).toBeLessThan(1e-4);
      } finally {
        await model.dispose();
      }
    });
  }

  it.each([
    [{}, false],
    [{ own_output_embedding: true }, false],
    [{}, true],
  ])("stays near with fewer bits: %j, tied: %j", async (dynamo, tied) => {
    const dtypes = ["fp16", "q8", "int8", "q4"] as const;
    const options = { dtypes, activations: "fp32" } as const;
    const changes = { dynamo: { token_heads: 3, ...dynamo }, tie_word_embeddings: tied };
    const { checkpoint, model: modelFolder } = await convertTiny(3, options, changes);
    const tokens = randomTokens(24, 3);
    for (const [dtype, tolerance] of [
      ["fp16", 0.01],
      ["q8", 0.05],
      ["int8", 0.15],
      ["q4", 0.6],
    ] as const) {
      const model = await loadModel(runtime, modelFolder, { dtype });
      const [received] = await logitsInPieces(model, [tokens], () => 5);
      const difference = worst(received ?? [], await oracle(checkpoint, model.config, tokens), 61);
      expect(difference).toBeGreaterThan(0);
      expect(difference).toBeLessThan(tolerance);
      await model.dispose();
    }
  });
});

describe("a loaded model", () => {
  let model: LoadedModel;
  const last = async (
    cache: Awaited<ReturnType<LanguageModel["createCache"]>>,
    feeds: Feed[],
    heads = 3,
  ): Promise<Float32Array> => {
    const { logits } = await model.forward(cache, feeds, { heads, topK: 4, logits: true });
    return logits?.data ?? new Float32Array();
  };
  const distance = (a: Float32Array, b: Float32Array): number =>
    a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? NaN))), 0);

  beforeAll(async () => {
    model = await loadModel(runtime, (await convertTiny(3)).model);
  });

  afterAll(() => model.dispose());

  it("lists each head's likeliest tokens in order, with the log of the sum of all", async () => {
    const cache = await model.createCache({ rows: 1 });
    const { candidates, logits } = await model.forward(cache, [{ tokens: [1, 2, 3], positions: 2 }], {
      heads: 3,
      topK: 7,
      logits: true,
    });
    expect([candidates[0]?.length, candidates[0]?.[0]?.length, cache.lengths[0]]).toEqual([2, 3, 3]);
    candidates[0]?.flat().forEach(({ ids, logits: top, logSumExp }, i) => {
      const all = Array.from(logits?.data.slice(i * 61, (i + 1) * 61) ?? []);
      const order = all.map((_, id) => id).sort((a, b) => (all[b] ?? 0) - (all[a] ?? 0) || a - b);
      expect([...ids]).toEqual(order.slice(0, 7));
      expect([...top]).toEqual(order.slice(0, 7).map((id) => all[id]));
      expect(logSumExp).toBeCloseTo(Math.log(all.reduce((sum, value) => sum + Math.exp(value), 0)), 4);
    });
    await cache.dispose();
  });

  it("takes prompts longer than a prefill chunk, ragged with short ones", async () => {
    const [long, short] = [randomTokens(650, 3), randomTokens(3, 4)];
    const cache = await model.createCache({ rows: 2 });
    await model.forward(cache, [{ tokens: long }, { tokens: short }], { heads: 3, topK: 1 });
    expect(cache.lengths).toEqual([650, 3]);
    const together = await last(cache, [{ tokens: [5] }, { tokens: [6] }]);
    for (const [row, tokens] of [
      [...long, 5],
      [...short, 6],
    ].entries()) {
      const alone = await model.createCache({ rows: 1 });
      for (let i = 0; i < tokens.length - 1; i += 100)
        await model.forward(alone, [{ tokens: tokens.slice(i, Math.min(i + 100, tokens.length - 1)) }], {
          heads: 3,
          topK: 1,
        });
      const expected = await last(alone, [{ tokens: tokens.slice(-1) }]);
      expect(distance(together.slice(row * 3 * 61, (row + 1) * 3 * 61), expected)).toBeLessThan(1e-4);
      await alone.dispose();
    }
    await cache.dispose();
  });

  it("forgets what is truncated and copies rows", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 1, max: 80 }), async (length, keep) => {
        const kept = Math.min(length, keep);
        const tokens = randomTokens(length, 9);
        const cache = await model.createCache({ rows: 2 });
        await model.forward(cache, [{ tokens }, { tokens: [1, 2, 3, 4] }], { heads: 3, topK: 1 });
        await cache.copyRow(0, 1);
        cache.truncate(0, kept);
        await cache.copyRow(1, 1);
        const both = await last(cache, [{ tokens: [7] }, { tokens: [8] }]);
        const fresh = await model.createCache({ rows: 2 });
        const expected = [await last(fresh, [{ tokens: [...tokens.slice(0, kept), 7] }, { tokens: [...tokens, 8] }])];
        expect(distance(both, expected[0] ?? new Float32Array())).toBeLessThan(1e-4);
        await cache.dispose();
        await fresh.dispose();
      }),
      { numRuns: 12 },
    );
  });

  it("with an output embedding a head reads head 1's alone while the others are off", async () => {
    const own = { dynamo: { token_heads: 3, own_output_embedding: true } };
    const { model: place, checkpoint } = await convertTiny(3, { dtypes: ["fp32", "q4"] }, own);
    expect((await inspectModel(checkpoint)).parameters.withTokenHeads).toBe(
      parameterCount(tinyConfig(3), 3) + 2 * 61 * 48,
    );
    for (const dtype of ["fp32", "q4"] as const) {
      const loaded = await loadModel(runtime, place, { dtype });
      const [one, all] = [await loaded.createCache({ rows: 1 }), await loaded.createCache({ rows: 1 })];
      const feeds = [{ tokens: [1, 2, 3] }];
      const { logits: first } = await loaded.forward(one, feeds, { heads: 1, topK: 1, logits: true });
      const { logits: every } = await loaded.forward(all, feeds, { heads: 3, topK: 1, logits: true });
      expect([first?.data.length, every?.data.length]).toEqual([61, 3 * 61]);
      expect(distance(first?.data ?? new Float32Array(), every?.data.slice(0, 61) ?? new Float32Array())).toBeLessThan(
        1e-5,
      );
      await one.dispose();
      await all.dispose();
      await loaded.dispose();
    }
  });

  it("with one head is the model without token heads", async () => {
    const cache = await model.createCache({ rows: 1 });
    const one = await last(cache, [{ tokens: [1, 2, 3] }], 1);
    const next = await last(cache, [{ tokens: [4] }], 1);
    const all = await model.createCache({ rows: 1 });
    await last(all, [{ tokens: [1, 2, 3] }]);
    const expected = (await last(all, [{ tokens: [4] }])).slice(0, 61);
    expect([one.length, next.length, distance(next, expected) < 1e-5]).toEqual([61, 61, true]);
    await cache.dispose();
    await all.dispose();
  });

  it("refuses feeds that cannot be, and stays as it was", async () => {
    const cache = await model.createCache({ rows: 2 });
    await model.forward(cache, [{ tokens: [1, 2] }], { heads: 1, topK: 1 });
    const refused: [Feed[], RegExp][] = [
      [[{ tokens: [] }], /feeds no token/],
      [[{ tokens: [61] }], /0 to 60, received 61/],
      [[{ tokens: [-1] }], /received -1/],
      [[{ tokens: randomTokens(699, 1) }], /holds 700 tokens, row 0 would need 701/],
      [[{ tokens: [1], positions: 2 }], /cannot return 2 positions/],
      [[], /takes 1 to 2 rows, received 0/],
      [[{ tokens: [1] }, { tokens: [1] }, { tokens: [1] }], /received 3/],
    ];
    for (const [feeds, message] of refused) {
      await expect(model.forward(cache, feeds, { heads: 1, topK: 1 })).rejects.toThrow(message);
    }
    expect(() => cache.truncate(0, 3)).toThrow(/holds 2 positions, received 3/);
    for (const wrong of [-1, 2, 0.5, "0", "length", undefined, null, 1n, Symbol("0"), { toString: "" }] as never[]) {
      expect(() => cache.truncate(wrong, 0)).toThrow(/the cache has rows 0 to 1, received/);
      await expect(cache.copyRow(wrong, 0)).rejects.toThrow(/the cache has rows 0 to 1, received/);
      await expect(cache.copyRow(0, wrong)).rejects.toThrow(/the cache has rows 0 to 1, received/);
    }
    for (const wrong of [-1, 3, 0.5, "0", null, 1n, Symbol("0"), { toString: "" }] as never[]) {
      expect(() => cache.truncate(0, wrong)).toThrow(/row 0 holds 2 positions, received/);
      await expect(cache.copyRow(0, 1, wrong)).rejects.toThrow(/row 0 holds 2 positions, received/);
    }
    for (const wrong of [0, 0.5, "1", null, 1n, Symbol("1")] as never[]) {
      await expect(model.createCache({ rows: wrong })).rejects.toThrow(/rows must be a whole number of at least 1/);
      await expect(model.createCache({ rows: 1, maxLength: wrong })).rejects.toThrow(
        /maxLength must be a whole number/,
      );
    }
    await expect(model.createCache({ rows: 1, maxlength: 5 } as never)).rejects.toThrow(/did you mean maxLength\?/);
    await expect(cache.copyRow(0, 1, 1, {} as never)).rejects.toThrow(/belongs to another model/);
    expect(cache.lengths).toEqual([2, 0]);
    await cache.dispose();
  });

  it("holds no more than the cache was made for, nor than the context", async () => {
    const cache = await model.createCache({ rows: 1, maxLength: 5 });
    await model.forward(cache, [{ tokens: [1, 2, 3, 4, 5] }], { heads: 1, topK: 1 });
    const more = model.forward(cache, [{ tokens: [6] }], { heads: 1, topK: 1 });
    await expect(more).rejects.toThrow(/this cache holds 5 tokens, row 0 would need 6/);
    await cache.dispose();

    const whole = await model.createCache({ rows: 1, maxLength: 10_000 });
    const tooMany = model.forward(whole, [{ tokens: randomTokens(701, 1) }], { heads: 1, topK: 1 });
    await expect(tooMany).rejects.toThrow(/the context holds 700 tokens/);
    await whole.dispose();
    await expect(model.createCache({ rows: 1, maxLength: 0 })).rejects.toThrow(
      /maxLength must be a whole number of at least 1, received 0/,
    );
  });

  it("stops between the chunks of a long prompt", async () => {
    const cache = await model.createCache({ rows: 1 });
    const signal = AbortSignal.abort();
    await expect(model.forward(cache, [{ tokens: [1] }], { heads: 1, topK: 1, signal })).rejects.toMatchObject({
      code: "aborted",
    });
    expect(cache.lengths).toEqual([0]);
    await cache.dispose();
  });
});

describe("conversion", () => {
  it("initialises missing heads from the seed, and the model says that they are untrained", async () => {
    const checkpoint = place("checkpoint");
    await writeRandomCheckpoint(checkpoint, { config: tinyConfig(2) });
    const targets = [place("model"), place("model"), place("model")];
    for (const [i, target] of targets.entries())
      await convertCheckpoint(checkpoint, target, { tokenHeads: 4, seed: i === 2 ? 1 : 0 });
    const bytes = await Promise.all(targets.map((target) => readFile(join(target, "onnx/model.onnx"))));
    expect([bytes[0]?.equals(bytes[1] ?? Buffer.of()), bytes[0]?.equals(bytes[2] ?? Buffer.of())]).toEqual([
      true,
      false,
    ]);
    const model = await loadModel(runtime, targets[0] ?? "");
    expect([model.info.tokenHeads, model.info.untrainedHeads]).toEqual([4, [3, 4]]);
    await model.dispose();
  });

  it.each([false, true])("begins heads' own output embeddings as the base's, tied: %j", async (tied) => {
    const checkpoint = place("checkpoint");
    const config = tinyConfig(1, { tie_word_embeddings: tied, dynamo: { own_output_embedding: true } });
    await writeRandomCheckpoint(checkpoint, { config });
    const target = place("model");
    await convertCheckpoint(checkpoint, target, { tokenHeads: 3 });
    const bytes = await readFile(join(target, "onnx/model.onnx"));
    const opened = await openCheckpoint(nodeFolder(checkpoint));
    const rows = await opened.read(outputEmbedding(config, 1));
    await opened.close();
    const count = (values: Float32Array): number => {
      const own = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
      let found = 0;
      for (let at = bytes.indexOf(own); at >= 0; at = bytes.indexOf(own, at + 1)) found++;
      return found;
    };
    // The base's tied table is stored once, as rows.
    expect([count(transpose(rows, 61, 48)), count(rows)]).toEqual(tied ? [2, 1] : [3, 0]);
  });

  it("leaves no folder when it fails or is stopped", async () => {
    const checkpoint = place("checkpoint");
    await writeRandomCheckpoint(checkpoint, { config: tinyConfig(3) });
    const controller = new AbortController();
    const target = place("stopped");
    const onProgress = (): void => {
      controller.abort();
    };
    await expect(
      convertCheckpoint(checkpoint, target, { onProgress, signal: controller.signal }),
    ).rejects.toMatchObject({ code: "aborted" });
    expect((await readdir(folder)).filter((name) => name.includes("stopped"))).toEqual([]);
  });

  it("refuses to write over its own checkpoint", async () => {
    const checkpoint = place("checkpoint");
    await writeRandomCheckpoint(checkpoint, { config: tinyConfig(1) });
    await expect(convertCheckpoint(checkpoint, checkpoint, { overwrite: true })).rejects.toThrow(
      /holds the checkpoint/,
    );
    expect(await readdir(checkpoint)).toContain("model.safetensors");
  });

  it("refuses a tokenizer that does not fit or is damaged, and leaves no folder", async () => {
    const checkpoint = place("checkpoint");
    await writeRandomCheckpoint(checkpoint, { config: tinyConfig(1) });
    const target = place("misfit");
    const vocab = Object.fromEntries(Array.from({ length: 70 }, (_, id) => [`t${id}`, id]));
    const tokenizers: [string, RegExp][] = [
      [JSON.stringify({ model: { type: "BPE", vocab, merges: [] } }), /tokenizer does not fit.* received 70/],
      ["{}", /tokenizer.json: expected a model/],
    ];
    for (const [json, message] of tokenizers) {
      await writeFile(join(checkpoint, "tokenizer.json"), json);
      await expect(convertCheckpoint(checkpoint, target)).rejects.toMatchObject({
        code: "invalid-file",
        message: expect.stringMatching(message),
      });
    }
    expect((await readdir(folder)).filter((name) => name.includes("misfit"))).toEqual([]);
  });

  it("refuses heads out of range and no dtype", async () => {
    const { checkpoint } = await convertTiny(1);
    await expect(convertCheckpoint(checkpoint, place("x"), { tokenHeads: 5 })).rejects.toThrow(/1 to 4, received 5/);
    await expect(convertCheckpoint(checkpoint, place("x"), { dtypes: [] })).rejects.toThrow(/at least one dtype/);
  });
});

describe("loadModel chooses", () => {
  it("no fp16 graph for a device without float16, unless it is asked for", async () => {
    const { model } = await convertTiny(1, { dtypes: ["fp32", "fp16"], activations: "fp32" });
    const dtypeOn = async (float16: boolean | undefined, dtype?: "fp16"): Promise<string> => {
      const device = (): ReturnType<Runtime["device"]> =>
        Promise.resolve({ device: "webgpu", reason: "test", ...(float16 === undefined ? {} : { float16 }) });
      const loaded = await loadModel({ ...runtime, device }, model, { dtype });
      await loaded.dispose();
      return loaded.dtype;
    };
    expect([await dtypeOn(false), await dtypeOn(true), await dtypeOn(undefined)]).toEqual(["fp32", "fp16", "fp16"]);
    // The device itself has the last word on that.
    expect(await dtypeOn(false, "fp16")).toBe("fp16");
    await rm(join(model, "onnx/model.onnx"));
    await expect(dtypeOn(false)).rejects.toThrow(/has fp16; webgpu here has no float16: expected q8, q4 or fp32/);
  });
});

describe("loadModel refuses", () => {
  it("a graph that the device has no room for, before it is read", async () => {
    const { model } = await convertTiny(1);
    const path = "onnx/model.onnx";
    const read: string[] = [];
    const files: ModelFiles = {
      location: "far away",
      size: async (name) => (await stat(join(model, name)).catch(() => undefined))?.size,
      read: (name) => {
        read.push(name);
        return readFile(join(model, name));
      },
      readRange: () => Promise.reject(new Error("not asked for")),
    };
    const { size } = await stat(join(model, path));
    const loadWith = (memory: number): Promise<LoadedModel> =>
      loadModel({ ...runtime, device: () => Promise.resolve({ device: "wasm", reason: "test", memory }) }, files);
    await expect(loadWith(2 * size - 1)).rejects.toMatchObject({
      code: "out-of-memory",
      message: expect.stringMatching(/onnx\/model\.onnx: this graph has .* on wasm here: choose a smaller dtype/),
    });
    expect(read).toContain("config.json");
    expect(read).not.toContain(path);
    await (await loadWith(2 * size)).dispose();
    expect(read).toContain(path);
  });

  const edit = async (path: string, change: (config: Record<string, unknown>) => void): Promise<void> => {
    const json = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
    change(json);
    await writeFile(path, JSON.stringify(json));
  };

  it("a folder that is not there, a checkpoint, and a dtype that it does not have", async () => {
    await expect(loadModel(runtime, join(folder, "nowhere"))).rejects.toMatchObject({ code: "not-found" });
    const { checkpoint, model } = await convertTiny(1);
    await expect(loadModel(runtime, checkpoint)).rejects.toThrow(/dynamo convert/);
    await expect(loadModel(runtime, model, { dtype: "q4" })).rejects.toThrow(/has fp32; expected q4/);
  });

  it("a config that disagrees with the graph", async () => {
    const { model } = await convertTiny(2);
    await edit(join(model, "config.json"), (config) => (config["num_hidden_layers"] = 4));
    await expect(loadModel(runtime, model)).rejects.toMatchObject({ code: "invalid-file" });
  });

  it("a graph that is cut off", async () => {
    const { model } = await convertTiny(1);
    const path = join(model, "onnx/model.onnx");
    await writeFile(path, (await readFile(path)).subarray(0, 2000));
    await expect(loadModel(runtime, model)).rejects.toThrow(/onnx\/model\.onnx/);
  });

  it("files of no bytes, by their names", async () => {
    const { model } = await convertTiny(1);
    for (const name of ["onnx/model.onnx", "cooccurrence.safetensors", "tokenizer.json", "config.json"]) {
      await writeFile(join(model, name), "");
      await expect(loadModel(runtime, model)).rejects.toMatchObject({
        code: "invalid-file",
        message: expect.stringContaining(name),
      });
    }
  });

  it("a tokenizer that does not fit, and a mask of another vocabulary", async () => {
    const { model } = await convertTiny(1);
    const vocab = Object.fromEntries(Array.from({ length: 70 }, (_, id) => [`t${id}`, id]));
    await writeFile(
      join(model, "tokenizer.json"),
      JSON.stringify({ model: { type: "BPE", vocab, merges: [] }, decoder: { type: "ByteLevel" } }),
    );
    await expect(loadModel(runtime, model)).rejects.toThrow(/tokenizer does not fit/);
    await rm(join(model, "tokenizer.json"));
    await writeFile(join(model, "cooccurrence.safetensors"), "nonsense");
    await expect(loadModel(runtime, model)).rejects.toMatchObject({ code: "invalid-file" });
  });
});
