/** What is exported, and what is refused. Nothing here needs Python. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCheckpoint, parseConfig, initialTensor } from "@dynamo/model";
import { convertCheckpoint, nodeFolder, writeRandomCheckpoint } from "@dynamo/model/convert";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exportTorch } from "../src/export/export-torch.js";
import { torchRunFile } from "../src/export/supported.js";
import { openDataset } from "../src/data/index.js";
import { parseTrainingConfig, type TrainingConfig } from "../src/run/start/training-config.js";
import { tinyTokenizer as tokenizer, writeTinyDataset } from "./tiny-dataset.js";

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "dynamo-export-"));
  mkdirSync(join(place, "data"));
  writeTinyDataset(join(place, "data"), [
    { name: "a", train: 1500, heldOut: 300 },
    { name: "b", train: 900, heldOut: 0 },
  ]);
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const architecture = { hiddenSize: 16, layers: 2, attentionHeads: 2, contextLength: 32 };
const configOf = (more: object = {}): TrainingConfig =>
  parseTrainingConfig({
    dataset: join(place, "data"),
    architecture,
    steps: 10,
    batch: 4,
    microBatches: 2,
    sequence: 13,
    learningRate: 0.01,
    ...more,
  });
const out = (): string => join(place, "out");
const json = (...path: string[]): Record<string, unknown> =>
  JSON.parse(readFileSync(join(out(), ...path), "utf8")) as Record<string, unknown>;

describe("the exported folder", () => {
  it("has the script, the whole configuration, the data and the starting checkpoint", async () => {
    const report = await exportTorch(configOf({ headLearningRate: 0.1, samplePrompts: ["x"] }), out());
    expect(readdirSync(out()).sort()).toEqual(["README.md", "checkpoint", "data", "run.json", "train.py"]);
    expect(json("run.json")).toMatchObject({
      format: "dynamo-torch-run",
      version: 1,
      tokenHeads: 3,
      steps: 10,
      sequence: 13,
      headLearningRate: 0.1,
      headWeights: [1, 1, 1],
      warmUp: 0.01,
    });
    expect(Object.keys(json("run.json"))).not.toContain("samplePrompts");
    expect(report).toMatchObject({ folder: out(), rowsPerStep: 8, tokens: 1040 });
    expect(report.command).toMatch(/torchrun --standalone --nproc_per_node 8 .*train\.py --precision bf16$/);
    const data = await openDataset(join(out(), "data"));
    expect(data.manifest.sources.map(({ name }) => name)).toEqual(["a", "b"]);
    await data.close();
    expect(readFileSync(join(out(), "checkpoint", "tokenizer.json"), "utf8")).toBe(tokenizer);
  });

  it("leaves a run's precision to the command, which is the script's own", async () => {
    const { command } = await exportTorch(configOf({ precision: "float16" }), out());
    expect(command).toMatch(/train\.py --precision fp16$/);
    expect(json("run.json")).not.toHaveProperty("precision");
  });

  it("knows every option that the script asks for, and no other", async () => {
    await exportTorch(configOf(), out());
    const script = readFileSync(join(out(), "train.py"), "utf8");
    const keys = /CONFIG_KEYS = \{([^}]*)\}/.exec(script)?.[1]?.match(/\w+/g);
    expect(Object.keys(json("run.json")).sort()).toEqual(keys?.sort());
  });

  it("links the shards instead of copying them, through symbolic links too", async () => {
    const real = join(place, "elsewhere.bin");
    const shard = join(place, "data", "b", "train-00000.bin");
    writeFileSync(real, readFileSync(shard));
    rmSync(shard);
    symlinkSync(real, shard);
    await exportTorch(configOf(), out());
    const inode = (path: string): number => statSync(path).ino;
    const linked = join("a", "train-00000.bin");
    expect(inode(join(out(), "data", linked))).toBe(inode(join(place, "data", linked)));
    expect(inode(join(out(), "data", "b", "train-00000.bin"))).toBe(inode(real));
  });

  it("begins at the checkpoint, in shards when it is large, with the heads that it lacks", async () => {
    const base = parseConfig({
      model_type: "gpt_neox",
      vocab_size: 64,
      hidden_size: 16,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      intermediate_size: 64,
      max_position_embeddings: 32,
    });
    await writeRandomCheckpoint(join(place, "base"), { config: base, seed: 7, dtype: "float16" });
    const config = configOf({ architecture: undefined, checkpoint: join(place, "base"), seed: 3 });
    const { parameters } = await exportTorch(config, out(), { shardBytes: 10_000 });
    const [before, after] = await Promise.all(
      [join(place, "base"), join(out(), "checkpoint")].map((folder) => openCheckpoint(nodeFolder(folder))),
    );
    if (before === undefined || after === undefined) throw new Error("unreachable");
    expect(after.trainedHeads).toEqual([2, 3]);
    for (const name of before.shapes.keys()) expect(await after.read(name)).toEqual(await before.read(name));
    const head = "dynamo.token_heads.3.mlp.dense_h_to_4h.weight";
    expect(await after.read(head)).toEqual(initialTensor(head, [64, 16], 3));
    await before.close();
    await after.close();
    const files = readdirSync(join(out(), "checkpoint")).filter((name) => name.endsWith(".safetensors"));
    expect(files.length).toBeGreaterThan(5);
    expect(json("checkpoint", "model.safetensors.index.json")["metadata"]).toEqual({ total_size: 4 * parameters });
    // The same way back that trained checkpoints take.
    const report = await convertCheckpoint(join(out(), "checkpoint"), join(place, "model"));
    expect(report).toMatchObject({ tokenHeads: 3, untrainedHeads: [], parameters });
  });
});

it("conditional parts begin as nothing, on heads that a checkpoint has, and what they learn from is in the configuration", async () => {
  const heads = parseConfig({
    ...{ model_type: "gpt_neox", vocab_size: 64, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2 },
    ...{ intermediate_size: 64, max_position_embeddings: 32, dynamo: { token_heads: 3 } },
  });
  await writeRandomCheckpoint(join(place, "heads"), { config: heads, seed: 7 });
  const parts = { train: "conditional", distillation: 1, conditional: { pairs: 5, between: 4 } };
  const config = configOf({ architecture: undefined, checkpoint: join(place, "heads"), seed: 3, ...parts });
  const { parameters } = await exportTorch(config, out());
  expect(json("run.json")).toMatchObject({ train: "conditional", distillation: 1 });
  expect(json("run.json")).not.toHaveProperty("conditional");
  expect(json("checkpoint", "config.json")["dynamo"]).toEqual({ token_heads: 3, conditional: parts.conditional });
  const [before, after] = await Promise.all(
    [join(place, "heads"), join(out(), "checkpoint")].map((folder) => openCheckpoint(nodeFolder(folder))),
  );
  if (before === undefined || after === undefined) throw new Error("unreachable");
  for (const name of before.shapes.keys()) expect(await after.read(name)).toEqual(await before.read(name));
  const token = "dynamo.conditional.3.between.token_2.weight";
  expect(await after.read(token)).toEqual(initialTensor(token, [8, 16], 3));
  for (const part of ["pairs", "between"])
    expect(new Set(await after.read(`dynamo.conditional.3.${part}.output.weight`))).toEqual(new Set([0]));
  await before.close();
  await after.close();
  const report = await convertCheckpoint(join(out(), "checkpoint"), join(place, "model"));
  expect(report).toMatchObject({ tokenHeads: 3, untrainedHeads: [], parameters });
});

describe("refused, with nothing left", () => {
  const refused = async (config: TrainingConfig, code: string, message: RegExp): Promise<void> => {
    await expect(exportTorch(config, out())).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(readdirSync(place).sort()).toEqual(["data"]);
  };

  const frozen = { architecture: undefined, checkpoint: "x", train: "heads" };
  it.each([
    ["two layers a head", { headLayers: 2 }, /dynamo\.head_layers/],
    ["heads on the head before", { headInput: "previous" }, /dynamo\.head_input/],
    ["LoRA heads", { architecture: undefined, checkpoint: "x", headLora: { rank: 2 } }, /headLora \{"rank":2\}/],
    ["an output embedding a head", { ownOutputEmbedding: true }, /dynamo\.own_output_embedding/],
    ["a stem that is a session", { ...frozen, stem: "session" }, /stem "session"/],
  ])("%s", (_, more, message) => refused(configOf(more), "unsupported", message));

  it("an option that there is not, by name", () =>
    refused({ ...configOf(), dropOut: 0.5 } as TrainingConfig, "invalid-argument", /dropOut: there is no such option/));

  it("an option that did not exist when the script was written", () => {
    expect(() => torchRunFile({ ...configOf(), dropout: 0.5 } as TrainingConfig)).toThrow(/dropout 0\.5/);
  });

  it.each(["the manifest", "a source", "a split"])("a dataset that says which tokens count, in %s", async (where) => {
    const manifest = writeTinyDataset(join(place, "data"), [{ name: "a", train: 1500, heldOut: 300 }]);
    const source = (manifest["sources"] as Record<string, object>[])[0] as Record<string, object>;
    const spoilt = { "the manifest": manifest, "a source": source, "a split": source["train"] }[where] as object;
    Object.assign(spoilt, { counted: true });
    writeFileSync(join(place, "data", "dataset.json"), JSON.stringify(manifest));
    await refused(configOf(), "unsupported", /a dataset with counted/);
  });

  it("held-out text smaller than a batch", async () => {
    writeTinyDataset(join(place, "data"), [{ name: "a", train: 1500, heldOut: 20 }]);
    await refused(configOf(), "invalid-argument", /held-out data is smaller than a batch/);
  });

  it.each([
    ["a frozen base without heads", { train: "heads", tokenHeads: 1 }, /with the base frozen/],
    ["frozen heads without conditional parts", { train: "conditional" }, /the model has no conditional parts/],
  ])("%s", (_, more, message) => refused(configOf(more), "invalid-argument", message));

  it("a folder that exists", async () => {
    mkdirSync(out());
    await expect(exportTorch(configOf(), out())).rejects.toMatchObject({ code: "invalid-argument" });
    expect(readdirSync(out())).toEqual([]);
  });

  it("a run that is stopped while it is written", async () => {
    const stop = new AbortController();
    const onProgress = (): void => stop.abort();
    await expect(exportTorch(configOf(), out(), { signal: stop.signal, onProgress })).rejects.toThrow();
    expect(readdirSync(place).sort()).toEqual(["data"]);
  });
});
