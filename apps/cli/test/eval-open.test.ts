/** Open-ended text with the built command: written, measured, and judged by `dynamo serve`. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelPath } from "@dynamo/stories";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { command, runCli } from "./run-cli.js";

let folder: string;
let texts: string;
let server: ChildProcess | undefined;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-eval-open-"));
  texts = at("texts.json");
  await writeFile(at("prompts.jsonl"), ["The cat", "One day"].map((prompt) => JSON.stringify({ prompt })).join("\n"));
  const sweep = ["--backoff", "0:1:0.5", "--seeds", "2", "--max-new-tokens", "12", "--questions", at("prompts.jsonl")];
  const { code, stdout } = await runCli(["eval", "completions", ...sweep, "--out", texts]);
  expect([code, stdout.split("\n").length]).toEqual([0, 5]);
  expect(stdout).toMatch(
    /^setting +tokens +tokens per pass +speed-up \(95 %\) +passes by order\ndynamo ε_b 0 +48 +3\.00 /,
  );
});
afterEach(async () => {
  if (server === undefined) return;
  const ended = once(server, "exit");
  server.kill("SIGTERM");
  await ended;
  server = undefined;
});
afterAll(() => rm(folder, { recursive: true }));

/** The address of a server on a free port, with /v1. */
async function serve(...options: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [command, "serve", "--port", "0", "--log-level", "silent", ...options]);
  server = child;
  let said = "";
  for await (const text of child.stderr.setEncoding("utf8")) {
    said += String(text);
    const address = /http:\/\/\S+\/v1/.exec(said)?.[0];
    if (address !== undefined) return address;
  }
  throw new Error(`the server ended: ${said}`);
}

const judged = async (endpoint: string, ...options: readonly string[]): ReturnType<typeof runCli> =>
  runCli([
    ...["eval", "judge", texts, "--endpoint", endpoint, "--judge-model", "stories", "--api", "completions"],
    ...["--max-tokens", "8", "--attempts", "1", ...options],
  ]);

test("results are one JSON of kind, settings, summary, and what they were measured on", async () => {
  const { kind, settings, summary, run } = JSON.parse(await readFile(texts, "utf8")) as Record<string, never>;
  expect(kind).toBe("completions");
  expect(settings).toMatchObject({ seeds: [0, 1], maxNewTokens: 12, model: modelPath });
  expect(summary).toMatchObject({ settings: [{ setting: { backoff: 0 } }, { setting: { backoff: 0.5 } }, {}] });
  expect(run).toMatchObject({
    command: expect.stringContaining("dynamo eval completions "),
    machine: { cores: expect.any(Number) },
    versions: { node: process.versions.node, "onnxruntime-node": expect.stringMatching(/^1\./) },
  });
});

test("report: a page of the results, and none of what is no result", async () => {
  const page = at("report.html");
  const { code, stdout } = await runCli(["eval", "report", texts, "--out", page, "--title", "Two settings"]);
  expect([code, stdout]).toEqual([0, `${page}: 1 result\n`]);
  const html = await readFile(page, "utf8");
  expect(html).toContain("<h1>Two settings</h1>");
  expect(html).toContain("<svg ");
  await writeFile(at("other.json"), '{"kind":"weather"}');
  const refused = await runCli(["eval", "report", texts, at("other.json"), "--out", at("none.html")]);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("other.json: expected what `dynamo eval … --out` writes");
});

test("measures: of the texts, under a scorer", async () => {
  const { code, stdout } = await runCli(["eval", "measures", texts, "--scorer", modelPath]);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^texts +speed-up +nats per token \(95 %\) +rep-2 +rep-4 +distinct-1 +distinct-2\nbase +1 +-\d/,
  );
  expect(stdout).toContain("logLikelihood: ");
  const json = await runCli(["eval", "measures", texts, "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({ kind: "measures", summary: { base: { logLikelihood: null } } });
});

test("judge: a server's limit ends it, the cache goes on, and stories are no verdicts", async () => {
  const cache = at("cache.jsonl");
  const limited = await judged(
    await serve("--rate-limit", "2"),
    "--cache",
    cache,
    "--retries",
    "0",
    "--json",
    "--single",
  );
  expect([limited.code, JSON.parse(limited.stdout)]).toMatchObject([1, { error: { code: "busy" } }]);
  expect((await readFile(cache, "utf8")).trimEnd().split("\n")).toHaveLength(2);
  server?.kill("SIGTERM");
  const endpoint = await serve();
  const whole = await judged(endpoint, "--cache", cache, "--json", "--single");
  const { summary } = JSON.parse(whole.stdout) as { summary: { base: object; settings: object[] } };
  for (const each of [summary.base, ...summary.settings])
    expect(each).toMatchObject({ rating: null, verdicts: 4, malformed: 4 });
  const pairs = await judged(endpoint, "--both-orders", "--prices", "1,2");
  expect(pairs.code).toBe(0);
  expect(pairs.stdout).toMatch(/wins \/ losses \/ ties +malformed\n/);
  expect(pairs.stdout).toMatch(/completion tokens, 0\.\d+ in all/);
});

test("wrong usage and files that are none end with their exit codes", async () => {
  const codes = await Promise.all([
    judged("localhost"),
    judged("http://127.0.0.1:9/v1", "--pairwise", "--single"),
    judged("http://127.0.0.1:9/v1", "--prices", "1"),
    runCli(["eval", "measures", at("prompts.jsonl")]),
    runCli(["eval", "measures", at("none.json")]),
    runCli(["eval", "completions", "--backoff", "0:1"]),
    runCli(["eval", "completions", "--seeds", "0"]),
  ]);
  expect(codes.map(({ code }) => code)).toEqual([2, 2, 2, 3, 3, 2, 2]);
});
