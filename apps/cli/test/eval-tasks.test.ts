/** Published question sets with the built command. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli, spawnCli } from "./run-cli.js";

let folder: string;
const at = (name: string): string => join(folder, name);
const write = (name: string, ...rows: readonly unknown[]): Promise<void> =>
  writeFile(at(name), rows.map((row) => JSON.stringify(row)).join("\n"));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-eval-tasks-"));
  const story = (i: number): object => ({ query: `Lily had ${i}`, choices: ["toys", "xq zz"], gold: 0 });
  await write("stories.jsonl", ...Array.from({ length: 5 }, (_, i) => story(i)));
  await write("answers.jsonl", { context: "One day, Lily", answer: "x", aliases: [] });
  await write("own.json", {
    ...{ name: "sizes", kind: "choices", context: "The {{thing}} was very" },
    ...{ choices: ["{{small}}", "{{large}}"], gold: "1" },
  });
  await write("own.jsonl", { thing: "elephant", small: "xq", large: "big" });
  await write("bad.jsonl", { query: "Q", choices: ["a", "b"], gold: 0 }, { query: "Q" });
});
afterAll(() => rm(folder, { recursive: true }));

const run = (...options: readonly string[]): ReturnType<typeof runCli> => runCli(["eval", "tasks", ...options]);

test("a table of scores, one's own task among them", async () => {
  const { code, stdout } = await run(
    ...["--task", `openbookqa=${at("stories.jsonl")}`, "--task", `sizes=${at("own.jsonl")}`],
    ...["--task-file", at("own.json"), "--task", `triviaqa=${at("answers.jsonl")}`, "--max-new-tokens", "16"],
    ...["--strategy", "dynamo", "--limit", "3", "--out", at("scores.json")],
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(/^task +metric +value +± +questions +examples\nopenbookqa +acc +1\.0000 +0\.0000 +3 +0\n/);
  expect(stdout).toMatch(/\nsizes +acc +1\.0000 +1 +0\n/);
  expect(stdout).toMatch(/\ntriviaqa: \d\.\d\d tokens per pass in its answers\n/);
  expect(stdout).not.toContain("acc_norm_characters");
  const { kind, settings } = JSON.parse(await readFile(at("scores.json"), "utf8")) as Record<string, unknown>;
  expect(kind).toBe("tasks");
  expect(settings).toMatchObject({ limit: 3, fewShotSeed: 1234, files: [[{ path: at("stories.jsonl") }], {}, {}] });
});

test("--few-shot, --json, and --list", async () => {
  const { code, stdout } = await run("--task", `openbookqa=${at("stories.jsonl")}`, "--few-shot", "2", "--json");
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { summary: { tasks: [{ fewShot: 2, documents: 5 }] } }]);
  const list = await run("--list");
  expect(list.stdout).toMatch(/\narc_easy +acc, acc_norm +\{question, /);
});

test("data of a URL is downloaded once, into the cache", async () => {
  let asked = 0;
  const server = createServer((_, response) => {
    asked++;
    response.end('{"query": "Lily had two", "choices": ["toys", "xq zz"], "gold": 0}\n');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/stories.jsonl`;
  try {
    const env = { XDG_CACHE_HOME: at("caches") };
    const first = await spawnCli(["eval", "tasks", "--task", `openbookqa=${url}`, "--json"], { env });
    expect([first.code, JSON.parse(first.stdout)]).toMatchObject([0, { summary: { tasks: [{ documents: 1 }] } }]);
    const again = await run("--task", `openbookqa=${url}`, "--cache", at("caches/dynamo/data"), "--json");
    expect([again.stdout, asked]).toEqual([first.stdout, 1]);
    const missing = await run("--task", "openbookqa=http://127.0.0.1:9/stories.jsonl", "--cache", at("caches"));
    expect(missing.code).toBe(1);
  } finally {
    server.close();
  }
});

test("wrong usage and files that are none end with their exit codes", async () => {
  const task = ["--task", `boolq=${at("bad.jsonl")}`];
  const results = await Promise.all([
    run(),
    run("--task", "boolq"),
    run("--task", `none=${at("bad.jsonl")}`),
    run(...task, "--few-shot-data", `copa=${at("bad.jsonl")}`),
    run(...task, "--task-file", at("own.json")),
    run(...task, "--backoff", "0.5"),
    run(...task),
    run("--task", `boolq=${at("none.jsonl")}`),
    run(...task, "--task-file", at("bad.jsonl")),
  ]);
  expect(results.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2, 2, 3, 3, 3]);
  expect(results[6].stderr).toMatch(/bad\.jsonl:2: expected \{passage, .*\}, received \{"query":"Q"\}/);
});
