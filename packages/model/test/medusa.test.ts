/** Medusa heads as torch computes them (__fixtures__/medusa.py), and what is refused of them. */
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCheckpoint } from "../src/checkpoint/checkpoint.js";
import { withMedusaHeads } from "../src/checkpoint/medusa/with-medusa-heads.js";
import { convertCheckpoint } from "../src/convert.js";
import { inspectModel } from "../src/folder/inspect.js";
import { loadModel } from "../src/folder/load.js";
import { nodeFolder } from "../src/node-folder.js";
import { logitsInPieces, pieceSizes } from "./logits-in-pieces.js";
import { memoryFiles, safetensors, type Contents } from "./memory-files.js";
import { difference, readLogits } from "./read-logits.js";

const folder = join(import.meta.dirname, "__fixtures__/medusa");
const { tokens } = JSON.parse(readFileSync(join(folder, "tokens.json"), "utf8")) as { readonly tokens: number[][] };
const runtime = createNodeRuntime({ device: "cpu", threads: 1 });
let target: string;

beforeAll(async () => {
  target = await mkdtemp(join(tmpdir(), "dynamo-medusa-"));
});
afterAll(async () => {
  await runtime.dispose();
  await rm(target, { recursive: true });
});

describe.each([
  { layout: "fasterdecoding", headLayers: 2, ownOutputEmbedding: true, heads: [0, 1] },
  { layout: "vllm", headLayers: 1, ownOutputEmbedding: false, heads: [0, 1, 2] },
])("$layout", ({ layout, headLayers, ownOutputEmbedding, heads }) => {
  const model = (): string => join(target, layout);
  const expected = readLogits(join(folder, "expected-logits.safetensors"), [
    "head_1",
    ...heads.map((head) => `${layout}_${head}`),
  ]);
  beforeAll(async () => {
    const options = {
      medusa: join(folder, layout),
      dtypes: ["fp32", "fp16", "q8", "int8", "q4"],
      activations: "fp32",
    } as const;
    const report = await convertCheckpoint(join(folder, "base"), model(), options);
    expect(report.untrainedHeads).toEqual([]);
    expect(report.warnings).toEqual(
      layout === "fasterdecoding"
        ? []
        : [expect.stringContaining("of 4 Medusa heads the last 1 are left out: a model has at most 4 token heads")],
    );
  });

  test("logits are torch's, however the tokens are fed", async () => {
    const loaded = await loadModel(runtime, model(), { dtype: "fp32" });
    expect(loaded.config).toMatchObject({ headKind: "medusa", headLayers, headInput: "last", ownOutputEmbedding });
    for (const sizeOf of pieceSizes) {
      const received = await logitsInPieces(loaded, tokens, sizeOf);
      received.forEach((logits, row) => expect(difference(logits, expected, row).largest).toBeLessThan(1e-4));
    }
    await loaded.dispose();
  });

  test.each([
    ["fp16", 0.01],
    ["q8", 0.05],
    ["int8", 0.15],
    ["q4", 0.3],
  ] as const)("logits are near torch's in %s", async (dtype, tolerance) => {
    const loaded = await loadModel(runtime, model(), { dtype });
    const received = await logitsInPieces(loaded, tokens, () => 5);
    received.forEach((logits, row) => expect(difference(logits, expected, row).relative).toBeLessThan(tolerance));
    await loaded.dispose();
  });

  test("heads have no cache, their parameters count, and head 1 alone is the base", async () => {
    const { parameters, config, graphs } = await inspectModel(model());
    const own = headLayers * (16 * 16 + 16) + (ownOutputEmbedding ? 40 * 16 : 0);
    expect(parameters.withTokenHeads - parameters.base).toBe(heads.length * own);
    expect(config.untrainedHeads).toEqual([]);
    expect(graphs[0]?.metadata["dynamo.head_kind"]).toBe("medusa");
    const loaded = await loadModel(runtime, model(), { dtype: "fp32" });
    const cache = await loaded.createCache({ rows: 1 });
    const feeds = [{ tokens: tokens[0] as number[] }];
    const { candidates } = await loaded.forward(cache, feeds, { heads: 1, topK: 40 });
    expect(candidates[0]?.[0]).toHaveLength(1);
    // Heads that never saw the text with them on are none the worse: they keep no memory of it.
    const { candidates: after } = await loaded.forward(cache, [{ tokens: [7] }], { heads: 2, topK: 1 });
    const fresh = await loaded.createCache({ rows: 1 });
    const whole = [{ tokens: [...(tokens[0] as number[]), 7] }];
    const { candidates: at } = await loaded.forward(fresh, whole, { heads: 2, topK: 1 });
    expect(after[0]?.[0]?.[1]?.ids).toEqual(at[0]?.[0]?.[1]?.ids);
    await loaded.dispose();
  });
});

describe("refused", () => {
  const zeros = (shape: number[]): Float32Array => new Float32Array(shape.reduce((a, b) => a * b, 1));
  const heads = (shapes: Readonly<Record<string, number[]>>, config?: object): Contents => ({
    "model.safetensors": safetensors(
      Object.entries(shapes).map(([name, shape]) => ({ name, shape, data: zeros(shape) })),
    ),
    ...(config === undefined ? {} : { "config.json": JSON.stringify(config) }),
  });
  const [block, output] = [
    [16, 16],
    [40, 16],
  ];
  const good = { "0.0.linear.weight": block, "0.0.linear.bias": [16], "0.1.weight": output };
  const open = async (contents: Contents): Promise<unknown> => {
    const base = await openCheckpoint(nodeFolder(join(folder, "base")));
    const files = memoryFiles(contents);
    try {
      return (await withMedusaHeads(base, files)).checkpoint.config;
    } catch (error) {
      expect(files.closed).toBe(1);
      throw error;
    } finally {
      await base.close();
    }
  };
  const invalid = { code: "invalid-file" };
  const unsupported = { code: "unsupported" };

  test("nothing of heads that are right", async () => {
    await expect(open(heads(good))).resolves.toMatchObject({ tokenHeads: 2, headKind: "medusa" });
  });

  test.each([
    [
      "another width",
      heads({ ...good, "0.0.linear.weight": [24, 24] }),
      invalid,
      "0.0.linear.weight has shape [24, 24], expected [16, 16]",
    ],
    [
      "another vocabulary",
      heads({ ...good, "0.1.weight": [48, 16] }),
      invalid,
      "0.1.weight has shape [48, 16], expected [40, 16]",
    ],
    [
      "a missing block",
      heads({ "0.0.linear.weight": block, "0.0.linear.bias": [16], "0.2.weight": output }),
      invalid,
      "the tensor for dynamo.token_heads.2.layers.1.linear.weight is missing",
    ],
    [
      "a missing head",
      heads({ "0.0.linear.weight": block, "2.0.linear.weight": block }),
      invalid,
      "the tensor for dynamo.token_heads.3.linear.weight is missing",
    ],
    [
      "a missing bias",
      heads({ ...good, "1.0.linear.weight": block, "1.1.weight": output }),
      invalid,
      "the tensor for dynamo.token_heads.3.linear.bias is missing",
    ],
    [
      "a missing output matrix",
      heads({ ...good, "1.0.linear.weight": block, "1.0.linear.bias": [16] }),
      invalid,
      "the tensor for dynamo.token_heads.3.embed_out.weight is missing",
    ],
    ["other tensors", heads({ ...good, "model.norm.weight": [16] }), invalid, "received model.norm.weight"],
    ["a config of more heads", heads(good, { medusa_num_heads: 3 }), invalid, "expected 3 Medusa heads, received 1"],
    [
      "a config of more blocks",
      heads(good, { medusa_num_layers: 2 }),
      invalid,
      "expected 2 blocks in a Medusa head, received 1",
    ],
    [
      "a config of another base",
      heads(good, { vocab_size: 32000 }),
      invalid,
      "vocab_size: expected the base's, 40, received 32000",
    ],
    [
      "a config of another width",
      heads(good, { hidden_size: "wide" }),
      invalid,
      'hidden_size: expected the base\'s, 16, received "wide"',
    ],
    ["a config that is a list", { ...heads(good), "config.json": "[]" }, invalid, "expected an object"],
    ["no tensors", heads({}), invalid, "expected 1 Medusa heads, received 0"],
    [
      "a vocabulary of the heads' own",
      heads({ ...good, token_map: [20] }),
      unsupported,
      "expected heads over the base's vocabulary, received a token_map",
    ],
    ["a shorter vocabulary", heads(good, { truncated_vocab_size: 20 }), unsupported, "truncated_vocab_size"],
    [
      "a pickle",
      { "medusa_lm_head.pt": "x" },
      unsupported,
      "medusa_lm_head.pt, a pickle, which runs code when it is read",
    ],
    ["nothing", {}, { code: "not-found" }, "neither model.safetensors"],
  ])("%s", async (_, contents, code, message) => {
    const opened = open(contents);
    await expect(opened).rejects.toMatchObject(code);
    await expect(opened).rejects.toThrow(message);
  });

  test("a base with token heads of its own", async () => {
    const options = { medusa: join(folder, "vllm"), dtypes: ["fp32"] } as const;
    const base = memoryFiles({
      "config.json": readFileSync(join(folder, "base/config.json"), "utf8").replace(
        "{",
        '{"dynamo":{"token_heads":2},',
      ),
      "model.safetensors": readFileSync(join(folder, "base/model.safetensors")),
    });
    await expect(convertCheckpoint(base, join(target, "twice"), options)).rejects.toThrow(
      "expected a base without token heads",
    );
    expect(base.closed).toBe(1);
  });

  test("nothing of a base whose config.json still names conditional parts of heads that it lost", async () => {
    const base = memoryFiles({
      "config.json": readFileSync(join(folder, "base/config.json"), "utf8").replace(
        "{",
        '{"dynamo":{"conditional":{"pairs":4,"between":4}},',
      ),
      "model.safetensors": readFileSync(join(folder, "base/model.safetensors")),
    });
    await convertCheckpoint(base, join(target, "lost"), { medusa: join(folder, "vllm"), dtypes: ["fp32"] });
    const { config } = await inspectModel(join(target, "lost"));
    expect([config.headKind, config.tokenHeads, config.conditional]).toEqual(["medusa", 4, undefined]);
  });

  test("config.json's dynamo that contradicts itself", async () => {
    const raw = { ...JSON.parse(readFileSync(join(folder, "base/config.json"), "utf8")) } as object;
    const { parseConfig } = await import("../src/architectures/config.js");
    const parse = (dynamo: object) => () => parseConfig({ ...raw, dynamo: { token_heads: 2, ...dynamo } });
    expect(parse({ head_kind: "hydra" })).toThrow(
      'expected dynamo.head_kind one of "decoder", "medusa", "mtp", "deepseek-mtp", received "hydra"',
    );
    expect(parse({ head_kind: "medusa", head_input: "stem" })).toThrow(
      "dynamo.head_input of medusa heads must be last",
    );
    expect(parse({ head_kind: "medusa", head_layers: 9 })).toThrow("from 1 to 8");
    expect(parse({ head_layers: 3 })).toThrow("from 1 to 2");
  });
});
