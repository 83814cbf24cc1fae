/** `dynamo train --export-torch` as a person runs it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runCli } from "./run-cli.js";

const tokenizer = fileURLToPath(new URL("../../../packages/stories/model", import.meta.url));
let place: string;
let flags: string[];
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), "dynamo-cli-export-"));
  const story = (i: number): string =>
    `Once upon a time there were ${i} cats. They sat on ${i * 7} mats and were happy.`;
  writeFileSync(join(place, "text.txt"), Array.from({ length: 400 }, (_, i) => story(i)).join("<|endoftext|>"));
  writeFileSync(
    join(place, "config.json"),
    JSON.stringify({
      architecture: { hiddenSize: 16, layers: 2, attentionHeads: 2, contextLength: 32 },
      ...{ steps: 5, batch: 4, sequence: 16, learningRate: 0.01 },
    }),
  );
  flags = ["train", join(place, "config.json"), "--text", join(place, "text.txt"), "--tokenizer", tokenizer];
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

it("writes the folder from text, prints the command, and leaves nothing else", async () => {
  const folder = join(place, "exported");
  const { code, stdout } = await runCli([...flags, "--export-torch", folder]);
  expect([code, stdout]).toEqual([0, expect.stringContaining(`${join(folder, "train.py")} --precision bf16`)]);
  expect(readdirSync(folder).sort()).toEqual(["README.md", "checkpoint", "data", "run.json", "train.py"]);
  expect(readdirSync(join(folder, "checkpoint")).sort()).toEqual([
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
  ]);
  expect(readdirSync(place).sort()).toEqual(["config.json", "exported", "text.txt"]);
  const again = await runCli([...flags, "--export-torch", folder]);
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("exists already")]);
});

it("exports conditional parts with what their heads learn from", async () => {
  const folder = join(place, "parts");
  const parts = ["--conditional", "pairs:4,between:8", "--distillation", "0.5"];
  const { code } = await runCli([...flags, "--export-torch", folder, ...parts]);
  expect(code).toBe(0);
  const read = (...path: string[]): unknown => JSON.parse(readFileSync(join(folder, ...path), "utf8"));
  expect(read("run.json")).toMatchObject({ train: "all", distillation: 0.5 });
  const dynamo = { token_heads: 3, conditional: { pairs: 4, between: 8 } };
  expect(read("checkpoint", "config.json")).toMatchObject({ dynamo });
  const alone = await runCli([...flags, "--export-torch", join(place, "never"), "--conditional-only"]);
  expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining("the model has no conditional parts")]);
  rmSync(folder, { recursive: true });
});

it("refuses to resume, what the script cannot do, and a training run without a folder", async () => {
  const folder = join(place, "never");
  const resumed = await runCli([...flags, "--export-torch", folder, "--resume"]);
  expect([resumed.code, resumed.stderr]).toEqual([2, expect.stringContaining("--checkpoint")]);
  const heads = await runCli([...flags, "--export-torch", folder, "--head-layers", "2"]);
  expect([heads.code, heads.stderr]).toEqual([4, expect.stringContaining("dynamo.head_layers")]);
  const bare = await runCli(flags);
  expect([bare.code, bare.stderr]).toEqual([2, expect.stringContaining("'--out <folder>' not specified")]);
  expect(readdirSync(place)).not.toContain("never");
});
