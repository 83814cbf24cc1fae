/** Open-ended text of the embedded model: what is written, what is counted, and that it does not depend on the split. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { autoregressive, dynamo, generate } from "@dynamo/decode";
import { modelPath } from "@dynamo/stories";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runHere, testWorker, type TestWorker } from "../../test/worker.js";
import { completions } from "./completions.js";
import type { CompletionsResult } from "./completions-result.js";
import { readPrompts, sentenceCompletion } from "./prompts.js";

let worker: TestWorker;
let folder: string;
beforeAll(async () => {
  worker = await testWorker();
  folder = await mkdtemp(join(tmpdir(), "dynamo-completions-"));
});
afterAll(async () => {
  await worker.close();
  await rm(folder, { recursive: true, force: true });
});

const settings = {
  model: modelPath,
  settings: [0, 0.8, 1].map((backoff) => ({ strategy: "dynamo" as const, backoff })),
  seeds: [3, 4],
  maxNewTokens: 12,
};

test("the benchmark has ten prompts of seven sentence types", () => {
  expect(sentenceCompletion).toHaveLength(10);
  expect(new Set(sentenceCompletion.map(({ type }) => type)).size).toBe(7);
  expect(new Set(sentenceCompletion.map(({ text }) => text)).size).toBe(10);
  expect(sentenceCompletion[2]).toEqual({
    id: "3",
    type: "compound declarative",
    text: "He wanted to play, but",
    chat: false,
  });
});

test("texts are those that generate() writes; orders follow ε_b; speed-ups have intervals", async () => {
  const summary = await runHere(await completions(settings), worker);
  const model = await worker.model(modelPath);
  const [all, some, one] = summary.settings;
  const text = some?.prompts[2]?.texts[1];
  const own = await generate(model, "He wanted to play, but", {
    strategy: dynamo({ backoff: 0.8 }),
    seed: 4,
    maxNewTokens: 12,
  });
  expect(text).toMatchObject({ seed: 4, text: own.text, tokens: own.tokens.length, finishReason: own.finishReason });
  expect(all?.tokensPerPass).toBeGreaterThan(some?.tokensPerPass ?? Infinity);
  expect(one?.tokensPerPass).toBe(1);
  expect(one?.orders.slice(1)).toEqual([0, 0]);
  expect(one?.orders[0]).toBe(one?.passes);
  expect(summary.base).toHaveLength(10);
  for (const { speedup, speedupByType } of summary.settings) {
    expect(speedup?.value).toBeGreaterThan(0);
    expect(speedup?.interval?.[1]).toBeGreaterThan(speedup?.value ?? Infinity);
    expect(Object.keys(speedupByType)).toHaveLength(7);
  }
});

test("a job's texts depend on the job alone; its wall-clock time does not count as its text", async () => {
  const evaluation = await completions({ ...settings, timedSeeds: 1 });
  const timeless = ({ timing: _, ...rest }: CompletionsResult): object => rest;
  const jobs = [...(evaluation.jobs(worker) as Iterable<{ prompt: number; setting: number | null }>)];
  expect(jobs).toHaveLength(4 * 10);
  const job = { prompt: 4, setting: 1 };
  const first = await evaluation.run(job, worker);
  await evaluation.run({ prompt: 0, setting: 0 }, worker);
  expect(timeless(await evaluation.run(job, worker))).toEqual(timeless(first));
  expect(first.timing?.baseTokens).toBeLessThanOrEqual(12);
  expect((await evaluation.run({ prompt: 4, setting: null }, worker)).timing).toBeNull();
});

test("files of prompts are read line by line; a line that is none is named", async () => {
  const file = join(folder, "prompts.jsonl");
  const question = { question_id: 7, category: "generic", turns: ["Why?", "And?"], more: 1 };
  await writeFile(file, `${JSON.stringify(question)}\n\n${JSON.stringify({ prompt: "Once upon a time" })}\n`);
  expect(await readPrompts(file)).toEqual([
    { id: "7", type: "generic", text: "Why?", chat: true },
    { id: "3", type: "all", text: "Once upon a time", chat: false },
  ]);
  const { prompts, base } = await runHere(
    await completions({ ...settings, settings: [], questions: await onePrompt() }),
    worker,
  );
  expect([prompts.length, base[0]?.texts.length]).toEqual([1, 2]);
  await writeFile(file, '{"prompt": "a"}\n{"question": "b"}\n');
  await expect(readPrompts(file)).rejects.toThrow("prompts.jsonl:2: expected");
  await writeFile(file, "");
  await expect(readPrompts(file)).rejects.toMatchObject({ code: "invalid-file" });
  await expect(readPrompts(join(folder, "none"))).rejects.toMatchObject({ code: "not-found" });
});

async function onePrompt(): Promise<string> {
  const file = join(folder, "one.jsonl");
  await writeFile(file, JSON.stringify({ prompt: "The cat" }));
  return file;
}

test("a question goes through the model's chat template", async () => {
  const chat = join(folder, "chat");
  await cp(modelPath, chat, { recursive: true });
  const template = "{% for message in messages %}Question: {{ message.content }}\nAnswer:{% endfor %}";
  const file = join(chat, "tokenizer_config.json");
  const config = JSON.parse(await readFile(file, "utf8")) as object;
  await writeFile(file, JSON.stringify({ ...config, chat_template: template }));
  const questions = join(folder, "chat.jsonl");
  await writeFile(questions, JSON.stringify({ question_id: 1, category: "generic", turns: ["Why?"] }));
  const { base } = await runHere(await completions({ ...settings, model: chat, questions, settings: [] }), worker);
  const own = await generate(await worker.model(modelPath), "Question: Why?\nAnswer:", {
    strategy: autoregressive(),
    seed: 3,
    maxNewTokens: 12,
    // As in transformers: what the template does not write is not there.
    beginOfText: false,
  });
  expect(base[0]?.texts[0]?.text).toBe(own.text);
});

test("a question needs a model with a chat template; options out of range are refused before the first job", async () => {
  const file = join(folder, "questions.jsonl");
  await writeFile(file, JSON.stringify({ question_id: 1, category: "generic", turns: ["Why?"] }));
  await expect(runHere(await completions({ ...settings, questions: file }), worker)).rejects.toMatchObject({
    code: "unsupported",
  });
  const bad = (own: object): Promise<unknown> => completions({ ...settings, ...own });
  await expect(bad({ settings: [{ strategy: "dynamo", backoff: 2 }] })).rejects.toThrow("backoff must be");
  await expect(bad({ seeds: [1, 1] })).rejects.toThrow("different seeds");
  await expect(bad({ timedSeeds: 0 })).rejects.toThrow("timedSeeds");
});
