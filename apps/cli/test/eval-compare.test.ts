/** Comparisons with the built command: strategies, parts of the decoding, and model folders side by side. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { modelPath } from "@dynamo/stories";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "./run-cli.js";

const basePath = resolve(import.meta.dirname, "../../../packages/stories-base/model");
let folder: string;
const at = (name: string): string => join(folder, name);
const short = (): string[] => ["--seeds", "1", "--max-new-tokens", "12", "--questions", at("prompts.jsonl")];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-eval-compare-"));
  await writeFile(at("prompts.jsonl"), ["The cat", "One day"].map((prompt) => JSON.stringify({ prompt })).join("\n"));
  await writeFile(at("text.txt"), "Once upon a time there was a little dog. He ran to the park.");
});
afterAll(() => rm(folder, { recursive: true }));

test("compare prints a row for each strategy, and writes the same as JSON", async () => {
  const options = ["--draft", basePath, "--drafts", "1,3", "--backoff", "0:1:1", ...short()];
  const { code, stdout } = await runCli(["eval", "compare", ...options, "--out", at("compare.json")]);
  expect(code).toBe(0);
  const names = stdout
    .trim()
    .split("\n")
    .map((line) => line.split(/ {2,}/)[0]);
  const ways = ["dynamo ε_b 0", "dynamo ε_b 1", "verified", "speculative, 1 draft", "speculative, 3 drafts"];
  expect(names).toEqual(["strategy", "autoregressive", ...ways]);
  expect(stdout).toMatch(/^autoregressive +1\.00 +0\.0 %/m);
  const { kind, settings, summary } = JSON.parse(await readFile(at("compare.json"), "utf8")) as Record<string, never>;
  expect(kind).toBe("compare");
  expect(settings).toMatchObject({ seeds: [0], maxNewTokens: 12, groups: [{ model: modelPath, draft: basePath }] });
  expect(summary).toMatchObject({ groups: [{ rows: [{ way: null, tokens: 24 }, {}, {}, {}, {}, {}] }] });
});

test("a run that was cut short goes on, and says the same", async () => {
  const run = (backoff: string): ReturnType<typeof runCli> =>
    runCli(["eval", "compare", "--backoff", backoff, ...short(), "--resume", at("run"), "--json"]);
  const first = await run("0.5");
  const lines = (await readFile(at("run/results.jsonl"), "utf8")).split("\n");
  expect([first.code, lines.length]).toEqual([0, 3]);
  await writeFile(at("run/results.jsonl"), `${lines[0]}\n${lines[1]?.slice(0, 20)}`);
  const second = await run("0.5");
  expect(second.code).toBe(0);
  expect((await readFile(at("run/results.jsonl"), "utf8")).split("\n")[0]).toBe(lines[0]);
  expect(await readFile(at("run/result.json"), "utf8")).toBe(second.stdout.trim());
  const other = await run("0.6");
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining("holds another run")]);
});

test("ablation prints a table for each ε_b", async () => {
  const { code, stdout } = await runCli([
    "eval",
    "ablation",
    "--backoff",
    "0.3,0.6",
    "--mask-strength",
    "1",
    ...short(),
  ]);
  expect(code).toBe(0);
  const tables = stdout.trim().split("\n\n");
  expect(tables.map((table) => table.split("\n").length)).toEqual([7, 7]);
  expect(tables[1]).toContain("dynamo ε_b 0.6, counts joint, mask 1, no Otsu, no blur");
  expect(tables[1]).toContain("dynamo ε_b 0.6, chain joint");
});

test("architectures prints a row for each folder", async () => {
  const { code, stdout } = await runCli([
    "eval",
    "architectures",
    modelPath,
    basePath,
    "--text",
    at("text.txt"),
    ...short(),
  ]);
  expect(code).toBe(0);
  const [header, ...rows] = stdout.trim().split("\n");
  expect(header).toMatch(/PPL_1 +PPL_2 +PPL_3 +PPL_1:2 +PPL_1:3/);
  expect(rows).toHaveLength(2);
});

test("both kinds of text at once are refused", async () => {
  const both = ["--text", at("text.txt"), "--tokens", at("text.txt")];
  const { code, stderr } = await runCli(["eval", "architectures", modelPath, ...both]);
  expect([code === 0, stderr]).toEqual([false, expect.stringContaining("expected one of --text and --tokens")]);
});
