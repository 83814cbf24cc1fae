/** Judges behind a small endpoint of this file's own: verdicts, orders, malformed words, waits, budgets, caches. */
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { EvalWorker } from "../evaluation.js";
import { runHere } from "../../test/worker.js";
import { openEndpoint } from "./endpoint.js";
import { chooseJudgePrompt } from "./judge-prompts.js";
import { judgeTexts, type JudgeSettings } from "./judge.js";
import { outcomeOf, readPairVerdict, readRating } from "./verdicts.js";

interface Request {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly prompt?: string;
  readonly temperature: number;
}
interface Reply {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly text?: string;
}

let server: Server;
let endpoint: string;
let folder: string;
let texts: string;
let requests: Request[];
let reply: (request: Request, call: number) => Reply;

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-judge-"));
  server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const asked = JSON.parse(body) as Request;
      requests.push(asked);
      const { status = 200, headers = {}, text = "" } = reply(asked, requests.length);
      response.writeHead(status, { "content-type": "application/json", ...headers });
      const choice = asked.prompt === undefined ? { message: { role: "assistant", content: text } } : { text };
      const usage = { prompt_tokens: 100, completion_tokens: 10 };
      response.end(
        JSON.stringify(status === 200 ? { choices: [choice], usage } : { error: { message: "come back later" } }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  texts = join(folder, "texts.json");
  await writeFile(texts, JSON.stringify({ kind: "completions", settings: {}, summary: textsSummary() }));
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  requests = [];
  reply = () => ({ text: "[[C]]" });
});

/** Three prompts of two types, two seeds, four settings: the more speed, the more of its texts are bad. */
function textsSummary(): object {
  const prompts = ["one", "one", "two"].map((type, i) => ({ id: `${i}`, type, text: `Prompt ${i}`, chat: false }));
  const of = (textOf: (prompt: number, seed: number) => string): object[] =>
    prompts.map((_, prompt) => ({
      prompt,
      texts: [0, 1].map((seed) => ({ seed, text: textOf(prompt, seed), tokens: 3 })),
    }));
  const settings = [0, 1, 2, 3].map((i) => ({
    setting: { strategy: "dynamo", backoff: 1 - i / 4 },
    speedup: { value: 1 + i / 2, interval: null },
    speedupByType: { one: { value: 1 + i / 2, interval: null }, two: { value: 1 + i / 2, interval: null } },
    prompts: of((prompt, seed) => ` own ${2 * prompt + seed < i + 2 ? "bad" : "good"} ${prompt} ${seed} of ${i}`),
  }));
  return { prompts, base: of((prompt, seed) => ` base ${prompt} ${seed}`), settings };
}

const settings = (own: Partial<JudgeSettings> = {}): JudgeSettings => ({
  ...{ texts, endpoint, model: "stub", mode: "pairwise", retries: 0, ...own },
});
const worker: EvalWorker = {
  scratch: "",
  signal: new AbortController().signal,
  model: () => Promise.reject(new Error("a judge opens no model")),
};

/** Prefers what is not bad, whichever side it stands on. */
function fairly({ messages }: Request): Reply {
  const [, a = "", b = ""] =
    /Assistant A's Answer\]\n([^]*)\n\[The End[^]*Assistant B's Answer\]\n([^]*)\n\[The End/.exec(
      messages[1]?.content ?? "",
    ) ?? [];
  return {
    text: a.includes("bad") ? "So [[B]]" : b.includes("bad") ? "So [[A]]" : a.includes("own") ? "[[A]]" : "[[B]]",
  };
}

test("verdicts are read as FastChat reads them", () => {
  expect(readPairVerdict("Both are fine, but [[B]] it is")).toBe("B");
  expect(readPairVerdict("[[C]], or rather [[A]]")).toBe("A");
  expect(readPairVerdict("[A] or [[D]]")).toBeUndefined();
  expect(readRating("Rating: [[7]]")).toBe(7);
  expect(readRating("Rating: [[8.5]] and [[2]]")).toBe(8.5);
  expect(readRating("[1] says: [6]")).toBe(1);
  expect(readRating("[[11]]")).toBeUndefined();
  expect(readRating("seven")).toBeUndefined();
});

test("two orders must agree; the base as A is a loss where A wins", () => {
  expect(outcomeOf([{ swapped: false, verdict: "A" }])).toBe("win");
  expect(outcomeOf([{ swapped: true, verdict: "A" }])).toBe("loss");
  expect(
    outcomeOf([
      { swapped: false, verdict: "A" },
      { swapped: true, verdict: "B" },
    ]),
  ).toBe("win");
  expect(
    outcomeOf([
      { swapped: false, verdict: "A" },
      { swapped: true, verdict: "A" },
    ]),
  ).toBe("tie");
  expect(
    outcomeOf([
      { swapped: false, verdict: "A" },
      { swapped: true, verdict: null },
    ]),
  ).toBe("malformed");
});

test("pairwise: a fair judge's win rates fall with speed-up, whatever the order", async () => {
  reply = fairly;
  const [shuffled, both] = [
    await runHere(await judgeTexts(settings({ seed: 5 })), worker),
    await runHere(await judgeTexts(settings({ bothOrders: true })), worker),
  ];
  for (const { settings: judged, sameQuality } of [shuffled, both]) {
    expect(judged.map(({ winRate }) => [winRate?.wins, winRate?.losses, winRate?.ties])).toEqual([
      [4, 2, 0],
      [3, 3, 0],
      [2, 4, 0],
      [1, 5, 0],
    ]);
    expect(judged.map(({ malformed, inconsistent }) => [malformed, inconsistent])).toEqual(new Array(4).fill([0, 0]));
    expect(judged[0]?.byType["two"]?.winRate).toMatchObject({ wins: 2, losses: 0, rate: 5 });
    expect(sameQuality?.speedup).toBeGreaterThan(1.3);
    expect(sameQuality?.speedup).toBeLessThan(2);
    expect(sameQuality?.theoretical).toBe(false);
  }
  expect(requests).toHaveLength(24 + 48);
  const [system, user] = requests[0]?.messages ?? [];
  expect(system?.content).toContain("impartial judge");
  expect(user?.content).toContain("[User Question]\nComplete this text: Prompt 0\n\n");
  const swapped = requests
    .slice(0, 24)
    .filter((each) => /A's Answer\]\nPrompt \d base/.test(each.messages[1]?.content ?? ""));
  expect(swapped.length).toBeGreaterThan(4);
  expect(swapped.length).toBeLessThan(20);
});

test("a judge that always says A wins nothing in both orders", async () => {
  reply = () => ({ text: "[[A]]" });
  const { settings: judged, sameQuality } = await runHere(await judgeTexts(settings({ bothOrders: true })), worker);
  expect(judged[0]).toMatchObject({ winRate: { wins: 0, losses: 0, ties: 6, rate: null }, inconsistent: 6 });
  expect(sameQuality).toBeNull();
});

test("single: marks of the base and of every setting; a malformed one is asked again, warmer, then counted", async () => {
  reply = ({ messages, temperature }) => {
    const asked = messages[1]?.content ?? "";
    if (asked.includes("own bad 0 0")) return { text: "I cannot say" };
    if (asked.includes("own bad 0 1")) return { text: temperature === 0 ? "Hm." : "[[2]]" };
    return { text: asked.includes("bad") ? "[[3]]" : "Rating: [[8]]" };
  };
  const summary = await runHere(
    await judgeTexts(settings({ mode: "single", prices: { prompt: 1, completion: 10 } })),
    worker,
  );
  expect(summary.base).toMatchObject({ rating: { value: 8 }, malformed: 0, verdicts: 6 });
  expect(summary.settings[0]).toMatchObject({ malformed: 1, verdicts: 6 });
  expect(summary.settings[0]?.rating?.value).toBeCloseTo((2 + 8 + 8) / 3, 9);
  expect(summary.sameQuality?.level).toBe(8);
  // 30 texts; each setting's first is asked twice more, its second once.
  expect(requests).toHaveLength(30 + 4 * 3);
  expect([summary.promptTokens, summary.cost]).toEqual([4200, expect.closeTo((4200 + 4200) / 1e6, 12)]);
});

test("the cache is asked first; a half line that a killed process left is passed over; other models' words do not count", async () => {
  const cache = join(folder, "deep", "cache.jsonl");
  const first = await runHere(await judgeTexts(settings({ cache })), worker);
  expect(requests).toHaveLength(24);
  const kept = (await readFile(cache, "utf8")).trimEnd().split("\n");
  await writeFile(cache, `${kept.slice(0, 20).join("\n")}\n`);
  await appendFile(cache, '{"key": "ab');
  const again = await runHere(await judgeTexts(settings({ cache })), worker);
  expect(requests).toHaveLength(28);
  expect(again).toEqual(first);
  await runHere(await judgeTexts(settings({ cache })), worker);
  expect(requests).toHaveLength(28);
  await runHere(await judgeTexts(settings({ cache, model: "other" })), worker);
  expect(requests).toHaveLength(52);
});

test("a budget of calls or of money ends the run; what was answered is kept, and a larger one goes on", async () => {
  const cache = join(folder, "budget.jsonl");
  await expect(runHere(await judgeTexts(settings({ cache, maxCalls: 10 })), worker)).rejects.toThrow("10 calls of 10");
  expect(requests).toHaveLength(10);
  await runHere(await judgeTexts(settings({ cache, maxCalls: 14 })), worker);
  expect(requests).toHaveLength(24);
  const dear = settings({ maxCost: 0.05, prices: { prompt: 100, completion: 0 } });
  await expect(runHere(await judgeTexts(dear), worker)).rejects.toThrow("of 0.05");
  expect(requests.length).toBeLessThan(24 + 5);
  await expect(judgeTexts(settings({ maxCost: 1 }))).rejects.toThrow("needs prices");
});

test("429 and 503 are waited for as they ask, then with growing waits; a refusal is not asked again", async () => {
  const waits: number[] = [];
  const wait = (milliseconds: number): Promise<void> => Promise.resolve(void waits.push(milliseconds));
  const asking = await openEndpoint({ url: endpoint, model: "stub", retries: 5, wait });
  const question = { system: "s", user: "u", temperature: 0, maxTokens: 5 };
  const ask = async (): Promise<unknown> => asking.ask(question, worker.signal);
  reply = (_, call) =>
    [{ status: 429, headers: { "retry-after": "7" } }, { status: 503 }, { status: 500 }, { text: "yes" }][call - 1] ??
    {};
  expect(await ask()).toEqual({ text: "yes", promptTokens: 100, completionTokens: 10 });
  expect(waits).toEqual([7000, 1000, 2000]);
  reply = () => ({ status: 429 });
  await expect(ask()).rejects.toMatchObject({ code: "busy", message: expect.stringContaining("asked 6 times") });
  expect(waits.slice(3)).toEqual([500, 1000, 2000, 4000, 8000]);
  reply = () => ({ status: 429, headers: { "retry-after": "86400" } });
  requests = [];
  await expect(ask()).rejects.toMatchObject({ code: "busy" });
  reply = () => ({ status: 401 });
  await expect(ask()).rejects.toMatchObject({ code: "unsupported" });
  expect(requests).toHaveLength(2);
  const nobody = await openEndpoint({ url: "http://127.0.0.1:9/v1", model: "stub", retries: 1, wait });
  await expect(nobody.ask(question, worker.signal)).rejects.toMatchObject({ code: "runtime" });
  expect(waits.at(-1)).toBe(500);
  expect(waits).toHaveLength(9);
});

test("an answer without end is cut off; models without a template are asked for a completion", async () => {
  const question = { system: "s", user: "u", temperature: 0, maxTokens: 5 };
  const asking = await openEndpoint({ url: endpoint, model: "stub", retries: 0, api: "completions" });
  reply = () => ({ text: "[[A]]" });
  expect(await asking.ask(question, worker.signal)).toMatchObject({ text: "[[A]]" });
  expect(requests[0]?.prompt).toBe("s\n\nu\n\n");
  reply = () => ({ text: "x".repeat(9 * 2 ** 20) });
  await expect(asking.ask(question, worker.signal)).rejects.toMatchObject({ code: "runtime" });
});

test("the same text needs no judge", async () => {
  const same = join(folder, "same.json");
  const own = textsSummary() as { base: unknown; settings: { prompts: unknown }[] };
  for (const each of own.settings) each.prompts = own.base;
  await writeFile(same, JSON.stringify({ kind: "completions", summary: own }));
  const { settings: judged } = await runHere(await judgeTexts(settings({ texts: same })), worker);
  expect(judged[0]).toMatchObject({ winRate: { ties: 6 }, identical: 6, inconsistent: 0 });
  expect(requests).toEqual([]);
});

test("prompts of a file are filled in once; bad prompts, files and endpoints are refused", async () => {
  const file = join(folder, "prompts.jsonl");
  const line = (template: string): string =>
    JSON.stringify({ name: "short", type: "single", system_prompt: "", prompt_template: template, more: 1 });
  await writeFile(file, `${line("{question}|{answer}")}\n`);
  const own = settings({ mode: "single", promptFile: file, promptName: "short" });
  reply = () => ({ text: "[[5]]" });
  await runHere(await judgeTexts(own), worker);
  expect(requests[0]?.messages).toEqual([{ role: "user", content: "Complete this text: Prompt 0|Prompt 0 base 0 0" }]);
  await writeFile(file, line("{question}"));
  await expect(judgeTexts(own)).rejects.toThrow("expected {question}, {answer}, received {question}");
  await writeFile(file, line("{question} {answer} {ref_answer_1}"));
  await expect(judgeTexts(own)).rejects.toMatchObject({ code: "invalid-file" });
  await writeFile(file, '{"name": 1}');
  await expect(judgeTexts(own)).rejects.toThrow("prompts.jsonl:1: expected");
  await expect(chooseJudgePrompt("single", { name: "pair-v2" })).rejects.toThrow("among single-v1");
  await expect(judgeTexts(settings({ endpoint: "localhost:8080" }))).rejects.toThrow("expected an endpoint");
  await expect(judgeTexts(settings({ endpoint: "http://me:secret@127.0.0.1/v1" }))).rejects.toThrow(
    "without a password",
  );
  await expect(judgeTexts(settings({ texts: file }))).rejects.toThrow("dynamo eval completions");
  await expect(judgeTexts(settings({ attempts: 0 }))).rejects.toThrow("attempts must be");
});
