/** A language model as judge, against the real server: texts that the embedded model wrote, judged by one that cannot judge. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { completions, judgeTexts, type Evaluation, type EvalWorker, type JudgeSettings } from "@dynamo/eval";
import { loadModel, type LoadedModel } from "@dynamo/model";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { modelPath } from "@dynamo/stories";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { chatFolder } from "./chat-folder.js";
import { startServer, type RunningServer, type StartOptions } from "./start-server.js";

let folder: string;
let texts: string;
let chat: Awaited<ReturnType<typeof chatFolder>>;
let server: RunningServer | undefined;
const runtime = createNodeRuntime({ device: "cpu" });
let model: Promise<LoadedModel> | undefined;
const worker: EvalWorker = {
  scratch: "",
  signal: new AbortController().signal,
  model: (place) => (model ??= loadModel(runtime, place)),
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-judge-"));
  chat = await chatFolder();
  texts = join(folder, "texts.json");
  const questions = join(folder, "prompts.jsonl");
  await writeFile(questions, ["The cat", "Once upon a time"].map((prompt) => JSON.stringify({ prompt })).join("\n"));
  const written = await completions({
    ...{ model: modelPath, questions, seeds: [0, 1, 2], maxNewTokens: 16 },
    settings: [0, 0.5].map((backoff) => ({ strategy: "dynamo" as const, backoff })),
  });
  await writeFile(texts, JSON.stringify({ kind: written.kind, summary: await run(written) }));
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
});
afterAll(async () => {
  await runtime.dispose();
  await chat.remove();
  await rm(folder, { recursive: true });
});

async function run<Job, Result, Summary>(evaluation: Evaluation<Job, Result, Summary>): Promise<Summary> {
  async function* results(): AsyncGenerator<Result> {
    for await (const job of evaluation.jobs(worker)) yield await evaluation.run(job, worker);
  }
  return evaluation.summarize(results());
}

async function start(options: StartOptions["options"]): Promise<string> {
  server = await startServer({ options: { ...options, models: { chat: { folder: chat.folder } } } });
  return `${server.address}/v1`;
}

/** Short answers: a model of stories gives no verdict however long it talks. */
const settings = (endpoint: string, own: Partial<JudgeSettings>): JudgeSettings => ({
  ...{ texts, endpoint, model: "chat", mode: "single", maxTokens: 8, attempts: 2, ...own },
});
const linesOf = async (file: string): Promise<string[]> => (await readFile(file, "utf8")).trimEnd().split("\n");

test("a judge that tells stories: every verdict is asked for again, then counted as malformed", async () => {
  const cache = join(folder, "single.jsonl");
  const endpoint = await start({});
  const summary = await run(await judgeTexts(settings(endpoint, { cache })));
  expect(summary.base).toMatchObject({ rating: null, verdicts: 6, malformed: 6 });
  for (const each of summary.settings) expect(each).toMatchObject({ rating: null, verdicts: 6, malformed: 6 });
  expect(summary.sameQuality).toBeNull();
  const calls = await linesOf(cache);
  expect(new Set(calls).size).toBe(calls.length);
  expect(calls.length).toBeGreaterThanOrEqual(2 * 6);
  expect(summary.promptTokens).toBeGreaterThan(100 * calls.length);
  expect(await run(await judgeTexts(settings("http://127.0.0.1:9/v1", { cache, retries: 0 })))).toEqual(summary);
});

test("pairs in both orders through /v1/completions, of a model without a chat template", async () => {
  const endpoint = await start({});
  const own = { mode: "pairwise", model: "stories", api: "completions", bothOrders: true, attempts: 1 } as const;
  const { settings: judged } = await run(await judgeTexts(settings(endpoint, own)));
  for (const each of judged) {
    expect(each.verdicts).toBe(6);
    expect(each.malformed + (each.identical ?? 0)).toBe(6);
    expect(each.winRate).toMatchObject({ wins: 0, losses: 0, ties: each.identical });
  }
});

test("429s of a server with little room are waited for: the verdicts are those of one with much", async () => {
  const waited = await run(
    await judgeTexts(settings(await start({ atOnce: 2 }), { concurrency: 6, attempts: 1, retries: 60 })),
  );
  expect(server?.log()).toMatch(/"status":429/);
  await server?.stop();
  expect(await run(await judgeTexts(settings(await start({}), { attempts: 1 })))).toEqual(waited);
});

test("a limit of requests per minute ends a judge that may not wait; what was answered is kept, and is not asked again", async () => {
  const cache = join(folder, "limited.jsonl");
  const own = { cache, attempts: 1, retries: 0 };
  await expect(run(await judgeTexts(settings(await start({ perMinute: 5 }), own)))).rejects.toMatchObject({
    code: "busy",
  });
  expect(await linesOf(cache)).toHaveLength(5);
  await server?.stop();
  const summary = await run(await judgeTexts(settings(await start({}), own)));
  const calls = await linesOf(cache);
  expect(new Set(calls.map((line) => (JSON.parse(line) as { key: string }).key)).size).toBe(calls.length);
  expect(summary.base?.verdicts).toBe(6);
});

test("a model that is not there, or is no chat model, is told in the server's words", async () => {
  const endpoint = await start({});
  await expect(run(await judgeTexts(settings(endpoint, { model: "nobody" })))).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringContaining("nobody"),
  });
  await expect(run(await judgeTexts(settings(endpoint, { model: "stories" })))).rejects.toThrow(/chat/);
});
