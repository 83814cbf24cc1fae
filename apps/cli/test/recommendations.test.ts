/** What a model folder's files recommend or ask for, as a user of the command line meets it. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelPath } from "@dynamo/stories";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "./run-cli.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-recommendations-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** The embedded model with other keys in a file. */
async function model(name: string, file: string, change: object): Promise<string> {
  const copy = join(folder, name);
  await cp(modelPath, copy, { recursive: true });
  const before = JSON.parse(await readFile(join(copy, file), "utf8")) as object;
  await writeFile(join(copy, file), JSON.stringify({ ...before, ...change }));
  return copy;
}

interface Written {
  readonly text: string;
  readonly tokens: number[];
  readonly finishReason: string;
  readonly statistics: { readonly tokens: number };
}

async function write(place: string, ...args: string[]): Promise<Written & { readonly stderr: string }> {
  const { stdout, stderr, code } = await runCli([
    "generate",
    place,
    "--prompt",
    "Once upon a time",
    "--json",
    "--max-new-tokens",
    "40",
    ...args,
  ]);
  expect([code, stderr]).toEqual([0, expect.not.stringContaining("Error")]);
  return { ...(JSON.parse(stdout) as Written), stderr };
}

describe("a model folder's recommendations", () => {
  it("end the text at any of the ends, the first full stop", async () => {
    const place = await model("ends", "generation_config.json", { eos_token_id: [0, 14] });
    const { text, tokens, finishReason } = await write(place, "--seed", "1");
    expect(finishReason).toBe("end-of-text");
    expect(tokens.indexOf(14)).toBe(tokens.length - 1);
    expect(text).not.toContain(".");
  });

  it("are greedy with do_sample: false: two seeds give one text", async () => {
    const place = await model("greedy", "generation_config.json", { do_sample: false });
    const texts = [await write(place, "--seed", "1"), await write(place, "--seed", "2")].map(({ text }) => text);
    expect(texts[0]).toBe(texts[1]);
    const sampled = [
      await write(place, "--seed", "1", "--temperature", "1"),
      await write(place, "--seed", "2", "--temperature", "1"),
    ];
    expect(sampled[0]?.text).not.toBe(sampled[1]?.text);
  });

  it("are named where they are not honoured, by generate and by inspect", async () => {
    const place = await model("beams", "generation_config.json", { num_beams: 4 });
    const said = "generation_config.json: num_beams 4 is not applied: beams are not searched, one text is sampled";
    expect((await write(place, "--seed", "1")).stderr).toContain(`warning: ${said}`);
    const { stdout } = await runCli(["inspect", place, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ warnings: [said] });
    expect((await runCli(["inspect", place])).stdout).toContain(said);
    expect((await write(modelPath, "--seed", "1")).stderr).not.toContain("warning");
  });

  it("are refused where the weights would compute something else", async () => {
    const rope = { type: "ntk", factor: 4, rope_theta: 10_000, partial_rotary_factor: 0.25 };
    const place = await model("rope", "config.json", { rope_parameters: rope });
    const { code, stderr } = await runCli(["generate", place, "--prompt", "x"]);
    expect(code).toBe(4);
    expect(stderr).toContain(
      'expected rope_parameters.type one of "default", "linear", "dynamic", "yarn", "llama3", "longrope", received "ntk"',
    );
  });
});

describe("a stop string", () => {
  it("ends tokens where the text ends, though the pass emitted more", async () => {
    const args = ["--seed", "1", "--stop", " play", "--backoff", "0.1"];
    const { text, tokens, finishReason, statistics } = await write(modelPath, ...args);
    expect(text).toBe(", there was a little dog named Spot. Spot loved to");
    expect([tokens.length, statistics.tokens, finishReason]).toEqual([13, 13, "stop"]);
  });
});

describe("sampling options", () => {
  it("reach the strategy: a nucleus of next to nothing, or a share of all, is greedy", async () => {
    const args = ["--repetition-penalty", "1", "--strategy", "autoregressive", "--seed", "3"];
    const greedy = await write(modelPath, ...args, "--temperature", "0");
    const hot = ["--temperature", "2"];
    for (const narrow of [
      ["--top-p", "0.0001"],
      ["--min-p", "1"],
    ])
      expect((await write(modelPath, ...args, ...hot, ...narrow)).tokens).toEqual(greedy.tokens);
    expect((await write(modelPath, ...args, ...hot)).tokens).not.toEqual(greedy.tokens);
    expect((await write(modelPath, ...args, ...hot, "--typical-p", "0.05")).tokens).not.toEqual(greedy.tokens);
  });

  it("keep a text from ending early", async () => {
    const place = await model("early", "generation_config.json", { eos_token_id: [0, 14] });
    const { tokens } = await write(place, "--seed", "1", "--min-new-tokens", "30");
    expect(tokens.length).toBeGreaterThanOrEqual(30);
    expect(tokens.slice(0, 30)).not.toContain(14);
  });
});
