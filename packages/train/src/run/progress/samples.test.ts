/** Samples of a checkpoint: what the model was given, and that a chat's prompts are put through its template. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Runtime } from "@dynamo/core";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { byteDataset, temporaryFolder, tinyRun } from "../../__fixtures__/tiny.js";
import { byteTokenizer, endOfText } from "../../data/__fixtures__/byte-tokenizer.js";
import { prepareChatDataset } from "../../data/index.js";
import { sampleCheckpoint } from "./samples.js";
import { train, type CheckpointFacts } from "../train.js";

let runtime: Runtime;
let folder: string;
beforeAll(() => {
  runtime = createNodeRuntime({ device: "cpu", threads: 1 });
  folder = temporaryFolder();
});
afterAll(async () => {
  await runtime.dispose();
  rmSync(folder, { recursive: true });
});

async function checkpointOf(
  dataset: string,
  name: string,
  sequence = 16,
): Promise<{ checkpoint: string; facts: CheckpointFacts[] }> {
  const facts: CheckpointFacts[] = [];
  const { checkpoint } = await train(
    runtime,
    join(folder, name),
    tinyRun(dataset, { steps: 1, evaluateEvery: 9, sequence }),
    {
      onCheckpoint: (_, __, about) => {
        facts.push(about);
        return Promise.resolve([]);
      },
    },
  );
  return { checkpoint, facts };
}

test("of text continue each prompt as it stands, the same ones for the same seed, no longer than asked", async () => {
  const { checkpoint, facts } = await checkpointOf(await byteDataset(folder), "text");
  expect(facts).toEqual([{ chat: false }]);
  expect(await sampleCheckpoint(runtime, checkpoint, 1, [])).toEqual([]);
  const options = { maxNewTokens: 5, seed: 3 };
  const samples = await sampleCheckpoint(runtime, checkpoint, 1, ["the cat", "a mat"], options);
  expect(samples.map(({ kind, step, prompt }) => [kind, step, prompt])).toEqual([
    ["sample", 1, "the cat"],
    ["sample", 1, "a mat"],
  ]);
  expect(samples.every(({ text }) => text.length <= 5)).toBe(true);
  expect(samples.some(({ text }) => text.length > 0)).toBe(true);
  expect(await sampleCheckpoint(runtime, checkpoint, 1, ["the cat", "a mat"], options)).toEqual(samples);
  await expect(sampleCheckpoint(runtime, checkpoint, 1, ["Hi"], { chat: true })).rejects.toMatchObject({
    code: "unsupported",
  });
});

test("of a chat are answers: the prompt is a person's message in the template", async () => {
  const file = join(folder, "pairs.json");
  const pairs = Array.from({ length: 40 }, (_, i) => ({ instruction: `Say ${i}`, input: "", output: `It is ${i}.` }));
  writeFileSync(file, JSON.stringify(pairs));
  const dataset = join(folder, "chat-data");
  const sources = [{ name: "pairs", files: [file] }];
  const given = { sources, tokenizerJson: byteTokenizer(), endOfText, out: dataset, workers: 1 };
  await prepareChatDataset({ ...given, heldOutFraction: 0.2, rowTokens: 48 });
  const { checkpoint, facts } = await checkpointOf(dataset, "chat", 48);
  expect(facts).toEqual([{ chat: true }]);
  const [sample] = await sampleCheckpoint(runtime, checkpoint, 1, ["Hi"], { chat: true, maxNewTokens: 2 });
  expect(sample?.prompt).toBe("<|endoftext|>User:\nHi\n\nAssistant:\n");
});
