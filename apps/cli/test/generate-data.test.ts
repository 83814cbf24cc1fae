/** `dynamo data generate`: the same bytes in one process, after a stop, and through a queue; nothing is mixed or lost. */
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli, type CliResult } from "./run-cli.js";
import { succeeded, words } from "./training-files.js";

let folder: string;
const at = (name: string): string => join(folder, name);
const bytes = (name: string): string => readFileSync(at(name), "utf8");

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-own-text-"));
  await writeFile(at("text.txt"), words(20));
  succeeded(await generate("whole.jsonl", 60));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const argumentsOf = (out: string, tokens: number): string[] => [
  ...["data", "generate", "--text", at("text.txt"), "--beginning", "3", "--max-new-tokens", "8", "--slots", "3"],
  ...["--tokens", String(tokens), "--out", at(out), "--json"],
];
const generate = (out: string, tokens: number, ...more: string[]): Promise<CliResult> =>
  runCli([...argumentsOf(out, tokens), ...more]);

interface Line {
  readonly text: string;
  readonly seed: number;
  readonly temperature: number;
  readonly tokens: number;
}
const lines = (name: string): Line[] =>
  bytes(name)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);

test("writes the model's own text in order, until there are enough tokens", () => {
  const texts = lines("whole.jsonl");
  expect(texts.map(({ seed }) => seed)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(texts[1]).toMatchObject({ temperature: 1, tokens: 8 });
  expect(texts.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(64);
});

test("without --text a text begins with nothing but the model's begin-of-text token", async () => {
  const args = ["data", "generate", "--tokens", "8", "--max-new-tokens", "8", "--out", at("nothing.jsonl"), "--json"];
  succeeded(await runCli(args));
  const prompt = ["--prompt", "<|endoftext|>", "--strategy", "autoregressive", "--temperature", "0.7", "--seed", "0"];
  const alone = await runCli(["generate", ...prompt, "--max-new-tokens", "8", "--json"]);
  const { text } = JSON.parse(succeeded(alone).stdout) as { text: string };
  expect(lines("nothing.jsonl")[0]).toMatchObject({ text, tokens: 8 });
});

test("goes on with a file as if it had not stopped, and refuses to write over it", async () => {
  succeeded(await generate("part.jsonl", 20));
  await writeFile(at("part.jsonl"), `${bytes("part.jsonl")}{"text": "half a li`);
  const again = await generate("part.jsonl", 60);
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("exists: --resume")]);
  succeeded(await generate("part.jsonl", 60, "--resume", "--slots", "2"));
  expect(bytes("part.jsonl")).toBe(bytes("whole.jsonl"));
  succeeded(await generate("part.jsonl", 60, "--resume"));
  expect(bytes("part.jsonl")).toBe(bytes("whole.jsonl"));
});

test.each([
  ["another seed", ["--seed", "5"], /settings\.seed \(there 0, received 5\)/],
  ["other temperatures", ["--temperature", "0.3"], /settings\.temperature \(there \[0\.7,1\], received \[0\.3\]\)/],
  ["other candidates", ["--top-k", "9"], /settings\.topK \(there none, received 9\)/],
  ["longer beginnings", ["--beginning", "4"], /settings\.beginning \(there 3, received 4\)/],
  ["another length", ["--max-new-tokens", "9"], /settings\.maxNewTokens \(there 8, received 9\)/],
  ["more files", ["--text", "package.json"], /settings\.textHashes \(there \["[0-9a-f]{64}"\], received/],
  ["another precision", ["--dtype", "q8"], /settings\.dtype \(there none, received "q8"\)/],
])("refuses to go on with %s, and says what differs", async (_, options, difference) => {
  const before = bytes("whole.jsonl");
  const { code, stderr } = await generate("whole.jsonl", 90, "--resume", ...options);
  expect(code).toBe(2);
  expect(stderr).toMatch(/whole\.jsonl holds another run: expected the same /);
  expect(stderr).toMatch(difference);
  expect(bytes("whole.jsonl")).toBe(before);
});

test("refuses to go on where the options of the first run are not known", async () => {
  await writeFile(at("alone.jsonl"), bytes("whole.jsonl"));
  const { code, stderr } = await generate("alone.jsonl", 90, "--resume");
  expect(code).toBe(2);
  expect(stderr).toContain("alone.jsonl.manifest.json, the options that it was begun with, found none");
});

test("refuses a damaged line before the last", async () => {
  succeeded(await generate("damaged.jsonl", 20));
  await writeFile(at("damaged.jsonl"), `{"text": "ha\n${bytes("damaged.jsonl")}`);
  const { code, stderr } = await generate("damaged.jsonl", 60, "--resume");
  expect(code).toBe(3);
  expect(stderr).toContain("damaged.jsonl, line 1: expected a text of an earlier run");
});

test("writes nothing over before its first text", async () => {
  const before = bytes("whole.jsonl");
  const { code } = await runCli([...argumentsOf("whole.jsonl", 20), "--overwrite", "--dtype", "q4"]);
  expect(code).not.toBe(0);
  expect(bytes("whole.jsonl")).toBe(before);
});

test("through a queue, from the middle of a piece on: the same bytes", async () => {
  // A piece is four texts here.
  succeeded(await generate("longer.jsonl", 180));
  succeeded(await generate("queued.jsonl", 52));
  succeeded(await generate("queued.jsonl", 180, "--queue", "--slots", "1", "--resume"));
  expect(bytes("queued.jsonl")).toBe(bytes("longer.jsonl"));
});
