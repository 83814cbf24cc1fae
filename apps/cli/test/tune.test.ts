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
  ...["tune", at("model"), "--text", at("text.txt"), "--documents", "4", "--seeds", "1", "--max-new-tokens", "12"],
  ...rest,
];

test("--dry-run says what it tried and writes nothing into the folder", async () => {
  const before = await readFile(at("model/generation_config.json"), "utf8");
  const { code, stdout } = await runCli(tune("--dry-run", "--out", at("tune.json")));
  expect(code).toBe(0);
  expect(stdout).toMatch(/^prompts +ε_b +mask +top-k +speed-up/);
  expect(stdout).toContain("Nothing was written");
  expect(await readFile(at("model/generation_config.json"), "utf8")).toBe(before);
  expect(JSON.parse(await readFile(at("tune.json"), "utf8"))).toMatchObject({
    kind: "tune",
    summary: { written: null, tolerance: 0.05 },
    run: { command: expect.stringContaining("dynamo tune ") },
  });
});

test("what it chooses is what the folder recommends", async () => {
  const { code, stdout } = await runCli(tune("--tolerance", "1", "--json"));
  expect(code).toBe(0);
  const { chosen, written } = (JSON.parse(stdout) as { summary: object }).summary as {
    chosen: { setting: Record<string, number> } | null;
    written: string | null;
  };
  const config = JSON.parse(await readFile(at("model/generation_config.json"), "utf8")) as {
    top_k: number;
    dynamo: object;
  };
  if (chosen === null) expect(written).toBeNull();
  else {
    const { backoff, maskStrength, topK } = chosen.setting;
    expect([config.top_k, config.dynamo]).toEqual([topK, { backoff, mask_strength: maskStrength }]);
  }
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
  const { code, stdout } = await runCli(tune(...own, "--tolerance", "1", "--json"));
  expect(code).toBe(0);
  const { summary } = JSON.parse(stdout) as {
    summary: { written: string | null; trials: { setting: Record<string, number>; tokensPerPass: number }[] };
  };
  expect(summary.written).toBeNull();
  expect(await readFile(at("model/generation_config.json"), "utf8")).toBe(before);
  // The first making is a check before anything is measured; then one for each trial.
  const made = (await readFile(at("made.jsonl"), "utf8")).trimEnd().split("\n").slice(1);
  expect(made.map((line) => JSON.parse(line) as object)).toEqual(
    summary.trials.map(({ setting }) => ({ take: 2, ...setting })),
  );
  expect(new Set(made).size).toBeGreaterThan(3);
  // Two per pass, but for a text that ends within one.
  for (const { tokensPerPass } of summary.trials) expect(tokensPerPass).toBeGreaterThan(1.5);
});
