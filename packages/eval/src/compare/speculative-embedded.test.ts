/** Speculative sampling with real models: the embedded base drafts for itself, and for the model with token heads. */
import { autoregressive, generate, speculative } from "@dynamo/decode";
import type { LanguageModel } from "@dynamo/core";
import { modelPath } from "@dynamo/stories";
import { modelPath as basePath } from "@dynamo/stories-base";
import { modelPath as draftPath } from "@dynamo/stories-draft";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testWorker, type TestWorker } from "../../test/worker.js";

let worker: TestWorker;
let model: LanguageModel;
let base: LanguageModel;
beforeAll(async () => {
  worker = await testWorker();
  [model, base] = [await worker.model(modelPath), await worker.model(basePath)];
});
afterAll(() => worker.close());

const prompts = ["Once upon a time", "He wanted to play, but", "Will you"];
const settings = { seed: 1, maxNewTokens: 41, stopAtEndOfText: false };

test("the base accepts all that it drafts for itself", async () => {
  const greedy = { temperature: 0, repetitionPenalty: 1.1 };
  const strategy = speculative({ ...greedy, draftModel: base, drafts: 4 });
  const received = await generate(base, prompts, { ...settings, strategy });
  const expected = await generate(base, prompts, { ...settings, strategy: autoregressive(greedy) });
  expect(received.map(({ text }) => text)).toEqual(expected.map(({ text }) => text));
  for (const { statistics } of received) expect(statistics.orders).toEqual({ 1: 1, 5: 8 });
});

test("drafting for the model with heads, it leaves the model's greedy text as it is, and most drafts are right", async () => {
  const greedy = { temperature: 0 };
  const strategy = speculative({ ...greedy, draftModel: base, drafts: 4 });
  const expected = await generate(model, prompts, { ...settings, strategy: autoregressive(greedy) });
  const received = await generate(model, prompts, { ...settings, strategy });
  expect(received.map(({ text }) => text)).toEqual(expected.map(({ text }) => text));
  for (const [i, prompt] of prompts.entries())
    expect((await generate(model, prompt, { ...settings, strategy })).text).toBe(expected[i]?.text);
  const passes = received.reduce((sum, { statistics }) => sum + statistics.passes, 0);
  expect((3 * 41) / passes).toBeGreaterThan(2);
});

test("a draft model of less than half the size has drafts accepted, and the text stays the model's", async () => {
  const greedy = { temperature: 0 };
  const strategy = speculative({ ...greedy, draftModel: await worker.model(draftPath), drafts: 2 });
  const expected = await generate(model, prompts, { ...settings, strategy: autoregressive(greedy) });
  const received = await generate(model, prompts, { ...settings, strategy });
  expect(received.map(({ text }) => text)).toEqual(expected.map(({ text }) => text));
  const passes = received.reduce((sum, { statistics }) => sum + statistics.passes, 0);
  expect((3 * 41) / passes).toBeGreaterThan(1.3);
});

test("a batch has the texts that each has alone", async () => {
  const strategy = speculative({ draftModel: base });
  const [first] = await generate(model, prompts, { ...settings, strategy });
  expect(first?.text).toBe((await generate(model, prompts[0] as string, { ...settings, strategy })).text);
});
