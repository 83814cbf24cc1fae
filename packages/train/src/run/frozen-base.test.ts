/** Runs on a frozen base: what their checkpoints hold, what they share, and that they go on bit for bit. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Runtime } from "@dynamo/core";
import { loadModel, openCheckpoint } from "@dynamo/model";
import { convertCheckpoint, nodeFolder } from "@dynamo/model/convert";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tinyConfig, tinyWeights, writeTinyCheckpoint } from "../__fixtures__/tiny-checkpoint.js";
import { byteTokenizer, endOfText } from "../data/__fixtures__/byte-tokenizer.js";
import { prepareDataset } from "../data/index.js";
import { readMetrics, type EvaluationMetrics, type StepMetrics } from "./progress/metrics.js";
import { train, type TrainOptions } from "./train.js";
import { parseTrainingConfig, type TrainingConfig, type TrainingConfigInput } from "./start/training-config.js";

const seconds = 60_000;
let folder: string;
let runtime: Runtime;
const place = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-frozen-"));
  runtime = createNodeRuntime({ device: "cpu", threads: 2 });
  const story = (i: number): string => `story ${i}: ${"once upon a time ".repeat(1 + (i % 9))}`;
  writeFileSync(place("a.txt"), Array.from({ length: 200 }, (_, i) => story(i)).join("<|endoftext|>"));
  await prepareDataset({
    sources: [{ name: "text", files: [place("a.txt")] }],
    tokenizerJson: byteTokenizer(),
    endOfText,
    out: place("data"),
    heldOutFraction: 0.2,
    workers: 1,
  });
}, seconds);
afterAll(async () => {
  await runtime.dispose();
  rmSync(folder, { recursive: true });
});

function configOf(checkpoint: string, changes: Partial<TrainingConfigInput> = {}): TrainingConfig {
  return parseTrainingConfig({
    checkpoint,
    dataset: place("data"),
    tokenHeads: 3,
    train: "heads",
    stem: "session",
    steps: 6,
    batch: 2,
    microBatches: 2,
    sequence: 16,
    learningRate: 1e-2,
    evaluateEvery: 3,
    evaluationBatches: 2,
    checkpointEvery: 100,
    ...changes,
  });
}

async function base(name: string, { tokenHeads = 1, shards = 1 } = {}): Promise<string> {
  await writeTinyCheckpoint(place(name), tinyConfig(tokenHeads), { shards });
  writeFileSync(join(place(name), "tokenizer.json"), JSON.stringify(byteTokenizer()));
  return place(name);
}

/** Stops after a step, as Ctrl-C does. */
function stopAfter(step: number): TrainOptions {
  const stop = new AbortController();
  return { signal: stop.signal, onMetrics: (metrics) => (metrics.step === step ? stop.abort() : undefined) };
}

const shards = (path: string): string[] => readdirSync(path).filter((file) => file.endsWith(".safetensors"));
const inode = (path: string): number => statSync(path).ino;

/** The base's tensors, byte for byte. */
async function expectBase(checkpoint: string, tokenHeads: number): Promise<void> {
  const opened = await openCheckpoint(nodeFolder(checkpoint));
  expect([opened.config.tokenHeads, opened.trainedHeads]).toEqual([tokenHeads, tokenHeads === 1 ? [] : [2, 3]]);
  for (const [name, values] of tinyWeights(tinyConfig(1))) expect(await opened.read(name), name).toEqual(values);
  await opened.close();
}

describe("a run on a frozen base", () => {
  test(
    "has checkpoints that are whole, and share the files of the one it began with",
    async () => {
      const checkpoint = await base("base");
      const { checkpoint: last } = await train(runtime, place("run"), configOf(checkpoint, { stemDtype: "fp32" }));
      const files = shards(last).sort();
      expect(files).toEqual([
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "optimizer.safetensors",
      ]);
      expect(inode(join(last, "model-00001-of-00002.safetensors"))).toBe(inode(join(checkpoint, "model.safetensors")));
      await expectBase(last, 3);
      await expectBase(join(place("run"), "base"), 1);

      await convertCheckpoint(last, place("model"), { dtypes: ["q8"] });
      const model = await loadModel(runtime, place("model"));
      expect([model.info.tokenHeads, model.info.untrainedHeads]).toEqual([3, []]);
      await model.dispose();
    },
    seconds,
  );

  test("reports head 1 where it is evaluated, and not where it is not trained", async () => {
    const metrics = await readMetrics(place("run"));
    const steps = metrics.filter((entry): entry is StepMetrics => entry.kind === "step");
    expect(steps.map(({ losses, firstHead }) => [losses.length, firstHead])).toEqual(new Array(6).fill([2, 2]));
    const evaluations = metrics.filter((entry): entry is EvaluationMetrics => entry.kind === "evaluation");
    expect(evaluations.map(({ perplexities }) => perplexities.length)).toEqual([3, 3]);
    const [before, after] = evaluations as [EvaluationMetrics, EvaluationMetrics];
    expect(after.losses[0]).toBe(before.losses[0]);
    expect(after.losses[1]).toBeLessThan(before.losses[1] as number);
  });

  test(
    "leaves out token heads that stand among the base's tensors",
    async () => {
      const checkpoint = await base("with-heads", { tokenHeads: 3, shards: 2 });
      const { checkpoint: last } = await train(runtime, place("again"), configOf(checkpoint, { steps: 1 }));
      expect(shards(last)).toHaveLength(4);
      await expectBase(last, 3);
      for (const file of ["model-00001", "model-00002"])
        expect(inode(join(last, `${file}-of-00003.safetensors`))).toBe(
          inode(join(place("again"), "base", `${file}-of-00002.safetensors`)),
        );
    },
    seconds,
  );

  test.each([{}, { ownOutputEmbedding: true }])(
    "goes on to the same bytes, without the folder that it began with and without base and stem: %j",
    async (changes) => {
      for (const old of ["one", "two", "whole", "parts"]) rmSync(place(old), { recursive: true, force: true });
      const whole = await train(runtime, place("whole"), configOf(await base("one"), changes));
      const config = configOf(await base("two"), changes);
      await train(runtime, place("parts"), config, stopAfter(2));
      await train(runtime, place("parts"), config, { ...stopAfter(4), resume: true });
      for (const lost of [place("two"), join(place("parts"), "base"), join(place("parts"), "stem")])
        rmSync(lost, { recursive: true });
      const parts = await train(runtime, place("parts"), config, { resume: true });
      expect(readdirSync(parts.checkpoint)).toEqual(readdirSync(whole.checkpoint));
      for (const file of shards(whole.checkpoint))
        expect(
          readFileSync(join(parts.checkpoint, file)).equals(readFileSync(join(whole.checkpoint, file))),
          file,
        ).toBe(true);
      const stem = (run: string): Buffer => readFileSync(join(place(run), "stem", "stem.onnx_data"));
      expect(stem("parts").equals(stem("whole"))).toBe(true);
    },
    seconds,
  );

  test("replaces what another attempt left in a folder without a run", async () => {
    mkdirSync(join(place("dirty"), "base"), { recursive: true });
    writeFileSync(join(place("dirty"), "base", "config.json"), "{}");
    const { checkpoint } = await train(runtime, place("dirty"), configOf(await base("clean"), { steps: 1 }));
    await expectBase(checkpoint, 3);
  });

  test.each([
    [{ train: "all" }, /stem/],
    [{ stem: "graph", stemDtype: "q8" }, /stemDtype/],
    [
      { checkpoint: undefined, architecture: { hiddenSize: 8, layers: 2, attentionHeads: 2, contextLength: 16 } },
      /stem/,
    ],
  ] as const)("needs a frozen base: %j", (changes, message) => {
    expect(() => configOf("somewhere", changes)).toThrow(message);
  });
});
