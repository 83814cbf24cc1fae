/** On the embedded model, greedy verified decoding is greedy autoregressive decoding: hundreds of prompts. */
import { autoregressive, generate, verified } from "@dynamo/decode";
import { loadModel, type LoadedModel } from "@dynamo/model";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { modelPath } from "@dynamo/stories";
import { afterAll, beforeAll, expect, it } from "vitest";

const runtime = createNodeRuntime({ device: "cpu" });
let model: LoadedModel;

beforeAll(async () => {
  model = await loadModel(runtime, modelPath);
});

afterAll(async () => {
  await model.dispose();
  await runtime.dispose();
});

const subjects = [
  "a cat",
  "a little dog",
  "the moon",
  "Lily",
  "Tom and Sue",
  "an old man",
  "the red ball",
  "a fish",
  "my mom",
  "the king",
];
const openings = [
  "Once upon a time,",
  "One day,",
  "In the morning,",
  "There was",
  "Far away lived",
  "At night,",
  "Look!",
  "Why did",
  "He said to",
  "Suddenly",
  "In winter",
  "Then",
  '"Help!" cried',
  "After lunch",
  "On the hill",
  "Nobody saw",
  "They gave",
  "A long time ago",
  "It was",
  "Do not wake",
];
const prompts = openings.flatMap((opening) => subjects.map((subject) => `${opening} ${subject}`));

it("is the same for 200 prompts, in batches and alone", async () => {
  const options = { maxNewTokens: 24, seed: 1 };
  let passes = 0;
  for (let start = 0; start < prompts.length; start += 40) {
    const batch = prompts.slice(start, start + 40);
    const expected = await generate(model, batch, { ...options, strategy: autoregressive({ temperature: 0 }) });
    const received = await generate(model, batch, { ...options, strategy: verified({ temperature: 0 }) });
    expect(received.map(({ tokens }) => tokens)).toEqual(expected.map(({ tokens }) => tokens));
    for (const [i, { tokens }] of expected.entries()) {
      const alone = await generate(model, batch[i] ?? "", { ...options, strategy: verified({ temperature: 0 }) });
      expect(alone.tokens).toEqual(tokens);
      passes += alone.statistics.passes;
    }
  }
  // Drafts are accepted: fewer passes than tokens.
  expect(passes).toBeLessThan(0.8 * 24 * prompts.length);
});

it.each([
  [{ sources: ["lookup"], drafts: 6 }],
  [{ sources: ["recycling"], drafts: 3 }],
  [{ sources: ["lookup", "heads", "recycling"], drafts: 7 }],
  [{ sources: ["heads", "recycling"], drafts: "auto" }],
] as const)("is the same for 200 prompts whoever drafts: %j", async (drafting) => {
  const options = { maxNewTokens: 24, seed: 1 };
  const expected = await generate(model, prompts, { ...options, strategy: autoregressive({ temperature: 0 }) });
  const received = await generate(model, prompts, { ...options, strategy: verified({ temperature: 0, ...drafting }) });
  expect(received.map(({ tokens }) => tokens)).toEqual(expected.map(({ tokens }) => tokens));
});
