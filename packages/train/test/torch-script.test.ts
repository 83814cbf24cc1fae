/** The exported script against `dynamo train`, where Python has torch: DYNAMO_PYTHON names the interpreter (python3). */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseConfig } from "@dynamo/model";
import { convertCheckpoint, writeRandomCheckpoint } from "@dynamo/model/convert";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDataset } from "../src/data/index.js";
import { exportTorch } from "../src/export/export-torch.js";
import { readMetrics, type EvaluationMetrics, type Metrics, type StepMetrics } from "../src/run/progress/metrics.js";
import { readTensorFile } from "../src/run/files/tensor-file.js";
import { train } from "../src/run/train.js";
import { parseTrainingConfig, type TrainingConfig } from "../src/run/start/training-config.js";
import { tinyTokenizer, vocabularySize, writeTinyDataset } from "./tiny-dataset.js";
import { call, launchTwo, python, script, succeed, torchIsHere, transformersIsHere } from "./torch-python.js";

const shared = process.env["DYNAMO_SHARED"] ?? resolve(import.meta.dirname, "../../../../shared");

if (!torchIsHere)
  it.skip(`skipped: ${python} has no PyTorch of 2.6 or later (set DYNAMO_PYTHON to one that has)`, () => undefined);
if (torchIsHere && !transformersIsHere)
  it.skip(`skipped: ${python} has no transformers, whose classes families other than GPT-NeoX need`, () => undefined);

describe.skipIf(!torchIsHere || !existsSync(join(shared, "vectors")))("golden vectors (need ../shared)", () => {
  const families = transformersIsHere ? ["families/llama-gqa", "families/qwen3"] : [];
  it.each(["neox-t3", "neox-t1", ...families])("%s", (name) => {
    const printed = succeed(script, "--check-vectors", join(shared, "vectors", name));
    expect(printed).toMatch(/^\d{3} passed, 0 failed\n$/);
  });
});

describe.skipIf(!torchIsHere)("an exported run", () => {
  let place: string;
  let config: TrainingConfig;
  let mine: Metrics[];
  const runtime = createNodeRuntime({ device: "cpu" });
  const heads = 3;

  beforeAll(async () => {
    place = mkdtempSync(join(tmpdir(), "dynamo-torch-"));
    mkdirSync(join(place, "data"));
    writeTinyDataset(join(place, "data"), [
      { name: "a", train: 900, heldOut: 400, weight: 3 },
      { name: "b", train: 2500, heldOut: 100, weight: 2 },
    ]);
    config = parseTrainingConfig({
      dataset: join(place, "data"),
      architecture: { hiddenSize: 16, layers: 3, attentionHeads: 2, contextLength: 32 },
      tokenHeads: heads,
      steps: 8,
      batch: 4,
      microBatches: 2,
      sequence: 21,
      learningRate: 0.005,
      headLearningRate: 0.01,
      headWeights: [1, 0.5, 0.25],
      warmUp: 0.25,
      weightDecay: 0.1,
      clipNorm: 0.5,
      seed: -12345678901,
      evaluateEvery: 4,
      evaluationBatches: 3,
      checkpointEvery: 4,
    });
    await exportTorch(config, join(place, "run"));
    await train(runtime, join(place, "mine"), config);
    mine = await readMetrics(join(place, "mine"));
  });
  afterAll(async () => {
    await runtime.dispose();
    rmSync(place, { recursive: true, force: true });
  });

  const steps = (metrics: readonly Metrics[]): StepMetrics[] =>
    metrics.filter((one): one is StepMetrics => one.kind === "step");
  const evaluations = (metrics: readonly Metrics[]): EvaluationMetrics[] =>
    metrics.filter((one): one is EvaluationMetrics => one.kind === "evaluation");

  /** Losses, norms, rates and evaluations of a run are those of `dynamo train`. */
  async function expectSame(out: string, tolerance: number): Promise<void> {
    const theirs = await readMetrics(out);
    expect(steps(theirs).map(({ step, tokens }) => [step, tokens])).toEqual(
      steps(mine).map(({ step, tokens }) => [step, tokens]),
    );
    const within = (found: number, expected: number): void =>
      expect(Math.abs(found - expected), `${found} against ${expected}`).toBeLessThan(tolerance);
    for (const [i, expected] of steps(mine).entries()) {
      const found = steps(theirs)[i] as StepMetrics;
      for (const [head, loss] of expected.losses.entries()) within(found.losses[head] as number, loss);
      within(found.gradientNorm as number, expected.gradientNorm as number);
      expect(found.learningRate).toBeCloseTo(expected.learningRate, 12);
      expect(found.headLearningRate).toBeCloseTo(expected.headLearningRate, 12);
    }
    expect(evaluations(theirs)).toHaveLength(2);
    for (const [i, expected] of evaluations(mine).entries())
      for (const [head, loss] of expected.losses.entries())
        within(evaluations(theirs)[i]?.losses[head] as number, loss);
  }

  it("draws the same rows in the same order, across epochs", async () => {
    const count = 30;
    const printed = JSON.parse(succeed(join(place, "run", "train.py"), "--print-batches", String(count))) as {
      tokens: number[][];
      drawn: Record<string, number>;
    }[];
    const dataset = await openDataset(join(place, "data"));
    const length = config.sequence + heads;
    const batches = dataset.batches({ split: "train", batchSize: 4, sequenceLength: length, seed: config.seed });
    for (const { tokens, drawn } of printed) {
      const own = [await batches.next(), await batches.next()].flatMap((rows) => [...(rows?.tokens ?? [])]);
      expect(tokens.flat()).toEqual(own);
      expect(drawn).toEqual(batches.position.drawn);
    }
    // Source a has 37 windows: it has begun anew more than twice.
    expect(printed.at(-1)?.drawn["a"]).toBeGreaterThan(2 * 37);
    await batches.close();
    await dataset.close();
  });

  it("has the same losses in one process, and comes back as a model", async () => {
    const out = join(place, "one");
    const printed = succeed(join(place, "run", "train.py"), "--out", out, "--shard-bytes", "20000");
    await expectSame(out, 1e-4);
    const checkpoint = join(out, "checkpoints", "step-00000008");
    expect(printed).toContain(`dynamo convert ${checkpoint}`);
    expect(existsSync(join(checkpoint, "model.safetensors.index.json"))).toBe(true);
    const report = await convertCheckpoint(checkpoint, join(place, "model"));
    expect(report).toMatchObject({ tokenHeads: heads, untrainedHeads: [] });
    // Moments and place in the data are `dynamo train`'s too.
    const own = join(place, "mine", "checkpoints", "step-00000008");
    const position = (folder: string): unknown =>
      (JSON.parse(readFileSync(join(folder, "training.json"), "utf8")) as { position: unknown }).position;
    expect(position(checkpoint)).toEqual(position(own));
    const names = new Map([["moment2:embed_out.weight", [vocabularySize, 16]]]);
    const [theirs, ours] = await Promise.all(
      [checkpoint, own].map(async (folder) => readTensorFile(join(folder, "optimizer.safetensors"), names)),
    );
    const [a, b] = [theirs, ours].map((file) => file?.get("moment2:embed_out.weight") as Float32Array);
    for (const [i, value] of (a as Float32Array).entries())
      expect(value).toBeCloseTo((b as Float32Array)[i] as number, 6);
  });

  it("goes on where it was stopped, bit for bit", () => {
    const [whole, parts] = [join(place, "whole"), join(place, "parts")];
    const weights = (out: string): Buffer =>
      readFileSync(join(out, "checkpoints", "step-00000008", "model.safetensors"));
    const run = (...more: string[]): string => succeed(join(place, "run", "train.py"), ...more);
    run("--out", whole);
    run("--out", parts, "--stop-after", "3");
    run("--out", parts, "--resume");
    expect(weights(parts).equals(weights(whole))).toBe(true);
    const again = call(join(place, "run", "train.py"), "--out", parts);
    expect([again.status, again.stderr]).toEqual([1, expect.stringContaining("holds a run already")]);
  });

  it("has the same losses in two processes with sharded weights, and one goes on", async () => {
    const out = join(place, "two");
    const run = [...launchTwo, join(place, "run", "train.py"), "--device", "cpu", "--out", out, "--rows", "2"];
    succeed(...run, "--stop-after", "3", "--activation-checkpointing");
    succeed(...run, "--stop-after", "6", "--resume");
    succeed(join(place, "run", "train.py"), "--device", "cpu", "--out", out, "--resume");
    await expectSame(out, 1e-4);
  });

  it("stops with a checkpoint when it is told to", async () => {
    const folder = join(place, "long");
    await exportTorch({ ...config, steps: 1_000_000, evaluateEvery: 1_000_000, checkpointEvery: 1_000_000 }, folder);
    const child = spawn(python, [join(folder, "train.py"), "--device", "cpu"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (!printed.includes("step 2 ") && `${printed}${text}`.includes("step 2 ")) child.kill("SIGTERM");
      printed += text;
    });
    expect(await new Promise((ended) => child.on("close", ended))).toBe(0);
    const step = Number(/stopped at step (\d+)/.exec(printed)?.[1]);
    expect(step).toBeGreaterThanOrEqual(2);
    expect(readdirSync(join(folder, "result", "checkpoints"))).toEqual([`step-${String(step).padStart(8, "0")}`]);
  });

  it.each(["bf16", "fp16"])("stays close in %s, in one process and in two", async (precision) => {
    const short = ["--precision", precision, "--stop-after", "4", "--device", "cpu"];
    for (const [out, before] of [
      ["half-one", []],
      ["half-two", launchTwo],
    ] as const) {
      const folder = join(place, `${out}-${precision}`);
      succeed(...before, join(place, "run", "train.py"), ...short, "--out", folder);
      const last = steps(await readMetrics(folder)).at(-1) as StepMetrics;
      for (const [head, loss] of last.losses.entries())
        expect(Math.abs(loss - ((steps(mine)[3] as StepMetrics).losses[head] as number))).toBeLessThan(0.05);
    }
  });

  it("trains the heads alone when the base is frozen, and weighs heads alike by default", async () => {
    const frozen = parseTrainingConfig({
      ...config,
      train: "heads",
      steps: 3,
      evaluateEvery: 3,
      headWeights: undefined,
    });
    const folder = join(place, "frozen");
    await exportTorch(frozen, folder);
    await train(runtime, join(place, "frozen-mine"), frozen);
    succeed(join(folder, "train.py"));
    succeed(...launchTwo, join(folder, "train.py"), "--device", "cpu", "--out", join(place, "frozen-two"));
    const expected = steps(await readMetrics(join(place, "frozen-mine")));
    for (const out of [join(folder, "result"), join(place, "frozen-two")]) {
      const found = steps(await readMetrics(out));
      for (const [i, { losses }] of expected.entries())
        for (const [head, loss] of losses.entries())
          expect(Math.abs((found[i]?.losses[head] as number) - loss)).toBeLessThan(1e-4);
    }
    const names = new Map([["gpt_neox.embed_in.weight", [vocabularySize, 16]]]);
    const [before, after] = await Promise.all(
      [join(folder, "checkpoint"), join(folder, "result", "checkpoints", "step-00000003")].map(async (path) =>
        readTensorFile(join(path, "model.safetensors"), names),
      ),
    );
    expect(after).toEqual(before);
  });

  it.each([
    ["run.json", { dropout: 0.5 }, "not supported by this script: dropout"],
    ["data/dataset.json", { counted: true }, "not supported by this script: counted"],
    [
      "checkpoint/config.json",
      { dynamo: { token_heads: 3, head_layers: 2 } },
      "not supported by this script: head_layers",
    ],
  ])("refuses what it would ignore in %s", (file, more, message) => {
    const path = join(place, "run", file);
    const text = readFileSync(path, "utf8");
    // Hard links: the original dataset.json is not one of them.
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(text) as object), ...more }));
    const { status, stderr } = call(join(place, "run", "train.py"), "--out", join(place, "never"));
    writeFileSync(path, text);
    expect([status, stderr]).toEqual([1, expect.stringContaining(message)]);
    expect(existsSync(join(place, "never"))).toBe(false);
  });
});

describe.skipIf(!transformersIsHere)("an exported run of a hybrid", () => {
  it("has the losses of `dynamo train`, with convolutions in the last layer and in the heads", async () => {
    const place = mkdtempSync(join(tmpdir(), "dynamo-torch-"));
    mkdirSync(join(place, "data"));
    writeTinyDataset(join(place, "data"), [{ name: "a", train: 900, heldOut: 400 }]);
    const hybrid = parseConfig({
      ...{ model_type: "lfm2", vocab_size: vocabularySize, hidden_size: 16, intermediate_size: 24 },
      ...{ num_hidden_layers: 3, layer_types: ["conv", "full_attention", "conv"], conv_L_cache: 4, conv_bias: true },
      ...{ num_attention_heads: 2, num_key_value_heads: 1, max_position_embeddings: 32, block_multiple_of: 8 },
    });
    await writeRandomCheckpoint(join(place, "base"), { config: hybrid });
    writeFileSync(join(place, "base", "tokenizer.json"), tinyTokenizer);
    const config = parseTrainingConfig({
      ...{ dataset: join(place, "data"), checkpoint: join(place, "base"), tokenHeads: 3, steps: 4, batch: 4 },
      ...{ sequence: 21, learningRate: 0.005, evaluateEvery: 4, checkpointEvery: 4 },
    });
    await exportTorch(config, join(place, "run"));
    const runtime = createNodeRuntime({ device: "cpu" });
    await train(runtime, join(place, "mine"), config);
    await runtime.dispose();
    succeed(join(place, "run", "train.py"), "--out", join(place, "theirs"));
    const [mine, theirs] = await Promise.all(["mine", "theirs"].map((name) => readMetrics(join(place, name))));
    const lossesOf = (metrics: readonly Metrics[] = []): number[] =>
      metrics.flatMap((one) => (one.kind === "step" || one.kind === "evaluation" ? one.losses : []));
    expect(lossesOf(mine)).toHaveLength(5 * 3);
    for (const [i, loss] of lossesOf(mine).entries())
      expect(Math.abs(loss - (lossesOf(theirs)[i] ?? NaN))).toBeLessThan(1e-4);
    rmSync(place, { recursive: true });
  });
});
