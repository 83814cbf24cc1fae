/** Runs of LoRA heads: what their checkpoints hold, that they go on bit for bit, and what is refused. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadModel, openCheckpoint } from "@dynamo/model";
import { convertCheckpoint, nodeFolder } from "@dynamo/model/convert";
import { describe, expect, test } from "vitest";
import { runPlaces } from "../../__fixtures__/run-places.js";
import { tinyRun } from "../../__fixtures__/tiny.js";
import { tinyConfig, writeTinyCheckpoint } from "../../__fixtures__/tiny-checkpoint.js";
import { byteTokenizer } from "../../data/__fixtures__/byte-tokenizer.js";
import { isFactor, mergedWeights, type HeadLora } from "../../graph/lora.js";
import { isHeadTensor } from "../../graph/model-shapes.js";
import { readCheckpoint } from "./checkpoint.js";
import { stateShapes } from "../start/starting-point.js";
import { train, type TrainOptions } from "../train.js";
import type { TrainingConfig, TrainingConfigInput } from "../start/training-config.js";

const headLora: HeadLora = { rank: 2, alpha: 4 };
const here = runPlaces();
const { runtime, place } = here;

/** A checkpoint of one head, or of more. */
async function base(tokenHeads = 1, dynamo: Record<string, unknown> = {}): Promise<string> {
  const path = place();
  await writeTinyCheckpoint(path, tinyConfig(tokenHeads, { dynamo: { token_heads: tokenHeads, ...dynamo } }));
  writeFileSync(join(path, "tokenizer.json"), JSON.stringify(byteTokenizer()));
  return path;
}

const configOf = (checkpoint: string, changes: Partial<TrainingConfigInput> = {}): TrainingConfig =>
  tinyRun(here.dataset, { architecture: undefined, checkpoint, tokenHeads: 3, headLora, ...changes });

/** Stops after a step, as Ctrl-C does. */
function stopAfter(step: number): TrainOptions {
  const stop = new AbortController();
  return { signal: stop.signal, onMetrics: (metrics) => (metrics.step === step ? stop.abort() : undefined) };
}

describe.each([
  ["all", { train: "all" }],
  ["heads", { train: "heads" }],
  ["heads on a stem session", { train: "heads", stem: "session", stemDtype: "fp32" }],
] as const)("a run that trains %s, with LoRA heads", (what, changes) => {
  test("goes on to the same bytes after a stop", async () => {
    const config = configOf(await base(), changes);
    const whole = await train(runtime, place(), config);
    const run = place();
    await train(runtime, run, config, stopAfter(3));
    await train(runtime, run, config, { ...stopAfter(5), resume: true });
    const parts = await train(runtime, run, config, { resume: true });
    const files = [
      "lora.safetensors",
      "optimizer.safetensors",
      ...(what.includes("session") ? [] : ["model.safetensors"]),
    ];
    for (const file of files)
      expect(readFileSync(join(parts.checkpoint, file)).equals(readFileSync(join(whole.checkpoint, file))), file).toBe(
        true,
      );
  });

  test("has checkpoints whose models know nothing of it, and are the merged heads", async () => {
    const config = configOf(await base(), changes);
    const { checkpoint } = await train(runtime, place(), config);
    const state = await readCheckpoint(checkpoint, (model) => stateShapes(config, model));
    const last = `gpt_neox.layers.${state.config.layers - 1}.`;
    const original = await openCheckpoint(nodeFolder(config.checkpoint as string));
    const opened = await openCheckpoint(nodeFolder(checkpoint));
    expect([...opened.shapes.keys()].filter(isFactor)).toEqual([]);
    const merged = mergedWeights(state.weights, headLora);
    for (const name of [...opened.shapes.keys()].filter(isHeadTensor)) {
      const own = await opened.read(name);
      expect(own, name).toEqual(merged.get(name));
      const copied = await original.read(name.replace(/^dynamo\.token_heads\.\d+\./, last));
      expect(state.weights.get(name), name).toEqual(copied);
      const isAdapted = state.weights.has(name.replace(/(\.weight)?$/, ".lora_a"));
      if (isAdapted) expect(own, name).not.toEqual(copied);
      else expect(own, name).toEqual(copied);
    }
    await opened.close();
    await original.close();
    expect([...state.moments1.keys()].filter(isHeadTensor).every(isFactor)).toBe(true);

    const model = place();
    await convertCheckpoint(checkpoint, model);
    const loaded = await loadModel(runtime, model);
    expect([loaded.info.tokenHeads, loaded.info.untrainedHeads]).toEqual([3, []]);
    await loaded.dispose();
  });
});

describe("refused is", () => {
  test("to go on from the merged heads", async () => {
    const [run, config] = [place(), configOf(await base())];
    const { checkpoint } = await train(runtime, run, config, stopAfter(3));
    rmSync(join(checkpoint, "lora.safetensors"));
    await expect(train(runtime, run, config, { resume: true })).rejects.toThrow(
      /lora\.safetensors is missing: .* updates merged in.* no run can go on/,
    );
  });

  test("to go on with another rank or without", async () => {
    const [run, config] = [place(), configOf(await base())];
    await train(runtime, run, config, stopAfter(1));
    for (const other of [{ rank: 3 }, undefined])
      await expect(train(runtime, run, { ...config, headLora: other }, { resume: true })).rejects.toThrow(
        /headLora was \{"rank":2,"alpha":4\}, is/,
      );
  });

  test.each([
    [
      "heads that are there",
      3,
      {},
      {},
      /token heads 2, 3 already, a LoRA run's merged into full ones: resume that run/,
    ],
    ["heads of two layers", 1, {}, { headLayers: 2 }, /headLora: expected headLayers 1, received 2/],
    [
      "heads of two layers, by the checkpoint",
      1,
      { head_layers: 2 },
      {},
      /headLora: expected headLayers 1, received 2/,
    ],
    ["an own output embedding", 1, {}, { ownOutputEmbedding: true }, /no ownOutputEmbedding/],
    ["a rank beyond the width", 1, {}, { headLora: { rank: 33 } }, /at most the width, 32, received 33/],
  ] as const)("%s", async (_, tokenHeads, dynamo, changes, message) => {
    const config = configOf(await base(tokenHeads, dynamo), changes);
    await expect(train(runtime, place(), config)).rejects.toThrow(message);
  });

  test("a model without a trained layer, or without heads to adapt", () => {
    expect(() => tinyRun(here.dataset, { headLora })).toThrow(/headLora: .* needs a checkpoint/);
    expect(() => configOf("somewhere", { tokenHeads: 1 })).toThrow(/2 token heads or more/);
  });
});
