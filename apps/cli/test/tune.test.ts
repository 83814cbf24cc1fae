/** `dynamo tune` as a person runs it, on a copy of the embedded model. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelPath } from "@dynamo/stories";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "./run-cli.js";

let folder: string;
const at = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-tune-"));
  await cp(modelPath, at("model"), { recursive: true });
  const story = (i: number): string =>
    `Once there was a cat number ${i} who liked to play in the park with all of her good friends.`;
  await writeFile(at("text.txt"), Array.from({ length: 6 }, (_, i) => story(i)).join("<|endoftext|>"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const tune = (...rest: string[]): string[] => [
  ...["tune", at("model"), "--text", at("text.txt"), "--documents", "6", "--max-new-tokens", "12"],
  ...rest,
];

interface Result {
  readonly summary: {
    readonly chosen: { readonly setting: Readonly<Record<string, unknown>> } | null;
    readonly written: string | null;
    readonly sentence: string;
    readonly trials: readonly { readonly setting: Readonly<Record<string, unknown>>; readonly tokensPerPass: number }[];
  };
}

test("--dry-run says what it tried and found, and writes nothing into the folder", async () => {
  const before = await readFile(at("model/generation_config.json"), "utf8");
  const { code, stdout } = await runCli(tune("--dry-run", "--out", at("tune.json")));
  expect(code).toBe(0);
  expect(stdout).toMatch(/^setting +prompts +tokens per pass +speed-up/);
  expect(await readFile(at("model/generation_config.json"), "utf8")).toBe(before);
  const result = JSON.parse(await readFile(at("tune.json"), "utf8")) as Result;
  expect(result).toMatchObject({
    kind: "tune",
    settings: { prompts: { search: 2, heldOut: 4 }, temperatures: [0.5, 0.6, 0.7] },
    summary: { written: null, tolerance: 0.05 },
    run: { command: expect.stringContaining("dynamo tune ") },
  });
  expect(stdout).toContain(`\n${result.summary.sentence}\n`);
  const { code: reported } = await runCli(["eval", "report", at("tune.json"), "--out", at("report.html")]);
  expect([reported, await readFile(at("report.html"), "utf8")]).toEqual([0, expect.stringContaining("<h2>Tuning")]);
});

test("what it chooses, of a file of prompts, is what the folder recommends and generate does", async () => {
  const prompts = ["A cat", "A dog", "The sun", "One day", "Once upon a time", "Lily had a"];
  await writeFile(at("prompts.jsonl"), prompts.map((prompt) => JSON.stringify({ prompt })).join("\n"));
  const args = [
    "tune",
    at("model"),
    "--prompts",
    at("prompts.jsonl"),
    "--max-new-tokens",
    "12",
    "--temperatures",
    "0.5",
  ];
  const { code, stdout } = await runCli([...args, "--tolerance", "9", "--json"]);
  expect(code).toBe(0);
  const { chosen, written } = (JSON.parse(stdout) as Result).summary;
  const config = JSON.parse(await readFile(at("model/generation_config.json"), "utf8")) as Record<string, unknown>;
  if (chosen === null) {
    expect(written).toBeNull();
    return;
  }
  const { strategy, joint, temperature, topK } = chosen.setting;
  expect(temperature).toBe(0.5);
  expect([config["temperature"], config["top_k"]]).toEqual([0.5, topK]);
  expect(config["dynamo"]).toMatchObject({ strategy, ...(joint === undefined ? {} : { joint }) });
  const text = await runCli(["generate", at("model"), "--prompt", "A cat", "--max-new-tokens", "4", "--json"]);
  expect(JSON.parse(text.stdout)).toMatchObject({ strategy });
});

test("prompts come from one place", async () => {
  const neither = await runCli(["tune", at("model")]);
  expect([neither.code, neither.stderr]).toEqual([2, expect.stringContaining("received neither")]);
  const both = await runCli(tune("--prompts", at("text.txt")));
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("received both")]);
});

test("a strategy of one's own is tuned by its module, with its options, and the folder stays as it was", async () => {
  // It writes down what it is made of: `take` heads per pass.
  const module = `import { appendFileSync } from "node:fs";
    export default ({ take, ...setting }) => {
      appendFileSync(${JSON.stringify(at("made.jsonl"))}, JSON.stringify({ take, ...setting }) + "\\n");
      const step = ({ positions: [heads] }) => ({ tokens: heads.slice(0, take).map(({ ids }) => ids[0]) });
      return { name: "own", heads: take, step };
    };`;
  await writeFile(at("own.mjs"), module);
  const before = await readFile(at("model/generation_config.json"), "utf8");
  const own = ["--strategy", at("own.mjs"), "--strategy-options", '{"take": 2}'];
  const { code, stdout } = await runCli(tune(...own, "--tolerance", "9", "--json"));
  expect(code).toBe(0);
  const { summary } = JSON.parse(stdout) as Result;
  expect(summary.written).toBeNull();
  expect(await readFile(at("model/generation_config.json"), "utf8")).toBe(before);
  // The first making is a check before anything is measured.
  const made = (await readFile(at("made.jsonl"), "utf8")).trimEnd().split("\n").slice(1);
  const tuned = summary.trials.filter(({ setting }) => setting["strategy"] === "plugin");
  for (const { setting, tokensPerPass } of tuned) {
    const { temperature, topK, backoff, maskStrength } = setting;
    expect(made.map((line) => JSON.parse(line) as object)).toContainEqual({
      ...{ take: 2, temperature, topK, backoff, maskStrength },
    });
    // Two per pass, but for a text that ends within one.
    expect(tokensPerPass).toBeGreaterThan(1.5);
  }
  expect(tuned.length).toBeGreaterThan(3);
});
