import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { decodeMask } from "@dynamo/cooccurrence";
import type { Strategy } from "@dynamo/core";
import { parseSafetensorsHeader } from "@dynamo/core/safetensors";
import { autoregressive, dynamo, generate, verified, type GenerationResult } from "@dynamo/decode";
import { loadModel, loadPromptReader, parseConfig } from "@dynamo/model";
import { writeRandomCheckpoint } from "@dynamo/model/convert";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { modelPath as draftPath } from "@dynamo/stories-draft";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli, spawnCli, type CliResult } from "./run-cli.js";

const rawConfig = {
  architectures: ["GPTNeoXForCausalLM"],
  model_type: "gpt_neox",
  vocab_size: 61,
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 64,
  rotary_pct: 0.25,
  max_position_embeddings: 128,
  bos_token_id: 0,
  eos_token_id: 0,
};

let folder: string;
let made = 0;
const place = (name: string): string => join(folder, `${name}-${made++}`);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-cli-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function checkpoint(changes: Record<string, unknown> = {}, shardBytes?: number): Promise<string> {
  const directory = place("checkpoint");
  const config = parseConfig({ ...rawConfig, ...changes });
  await writeRandomCheckpoint(directory, { config, seed: 1, ...(shardBytes === undefined ? {} : { shardBytes }) });
  return directory;
}

const jsonOf = ({ stdout }: CliResult): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>;

describe("dynamo", () => {
  it("has help for every verb, with exit codes", async () => {
    const { stdout, code } = await runCli(["--help"]);
    const verbs = [
      "demo",
      "generate",
      "convert",
      "inspect",
      "count",
      "doctor",
      "logits",
      "vectors",
      "random-checkpoint",
      "train",
      "training-vectors",
    ];
    expect(code).toBe(0);
    expect(stdout).toContain("Exit codes:");
    for (const verb of verbs) expect(stdout).toContain(verb);
    const helps = await Promise.all(verbs.map((verb) => runCli([verb, "--help"])));
    for (const [i, help] of helps.entries())
      expect([help.code, help.stdout.startsWith(`Usage: dynamo ${verbs[i]}`)]).toEqual([0, true]);
  });

  it("ends with 2 on wrong usage", async () => {
    for (const args of [
      ["frobnicate"],
      ["generate", "--nonsense"],
      ["generate", "--backoff", "much"],
      ["convert", "x"],
    ]) {
      const { code, stderr } = await runCli(args);
      expect([code, stderr.length > 0]).toEqual([2, true]);
    }
  });

  it("makes a checkpoint of random weights with conditional parts, which only several heads can have", async () => {
    const folder = await mkdtemp(join(tmpdir(), "dynamo-random-"));
    try {
      const args = ["random-checkpoint", "--preset", "14M", "--conditional", "pairs:8,between:16"];
      const alone = await runCli([...args, "--out", join(folder, "one")]);
      expect([alone.code, alone.stderr]).toEqual([
        2,
        expect.stringContaining("--token-heads of at least 2, received 1"),
      ]);
      const made = await runCli([...args, "--token-heads", "2", "--out", join(folder, "two")]);
      expect(made.code).toBe(0);
      const config = JSON.parse(await readFile(join(folder, "two", "config.json"), "utf8")) as Record<string, unknown>;
      expect(config["dynamo"]).toEqual({ token_heads: 2, conditional: { pairs: 8, between: 16 } });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("drafts from the text itself, as many as pay, without changing a greedy text", async () => {
    const args = ["generate", "--prompt", "Tom has a red ball. Tom has a red", "--temperature", "0"];
    const more = ["--max-new-tokens", "24", "--json"];
    const ask = async (...own: string[]): Promise<string> => {
      const { code, stdout } = await runCli([...args, ...more, ...own]);
      expect(code).toBe(0);
      return (JSON.parse(stdout) as { text: string }).text;
    };
    const expected = await ask("--strategy", "autoregressive");
    expect(await ask("--strategy", "verified", "--sources", "lookup,heads", "--drafts", "auto")).toBe(expected);
    expect(await ask("--strategy", "verified", "--sources", "recycling", "--drafts", "3")).toBe(expected);
    const wrong = await runCli([...args, "--strategy", "verified", "--sources", "look"]);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/heads, lookup, recycling.*look/)]);
    const none = await runCli([...args, "--strategy", "verified", "--drafts", "16"]);
    expect(none.code).toBe(2);
  });

  it("colours only where it is asked to", async () => {
    const args = ["demo", "Once", "--max-new-tokens", "6", "--seed", "1"];
    // eslint-disable-next-line no-control-regex -- colours are control characters
    const colour = /\u001b\[3/;
    expect((await runCli(args)).stdout).not.toMatch(colour);
    const forced = await spawnCli(args, { env: { FORCE_COLOR: "1" } });
    expect(forced.stdout).toMatch(colour);
    for (const fact of ["tokens", "passes", "tokens per pass", "tokens/s", "speed-up", "verified"])
      expect(forced.stdout).toContain(fact);
  });
});

describe("dynamo generate", () => {
  it("prints one JSON object, the same for the same seed", async () => {
    const args = ["generate", "--prompt", "Once upon a time", "--max-new-tokens", "20", "--seed", "7", "--json"];
    const [first, second] = [jsonOf(await runCli(args)), jsonOf(await runCli(args))];
    expect(first).toMatchObject({ seed: 7, strategy: "dynamo", device: "cpu", finishReason: "length" });
    expect([first["text"], first["tokens"]]).toEqual([second["text"], second["tokens"]]);
    expect((first["tokens"] as number[]).length).toBe(20);
    expect(first["statistics"]).toMatchObject({ tokens: 20 });
  });

  it("takes every strategy, batches, prompt files and standard input", async () => {
    const common = ["--max-new-tokens", "8", "--temperature", "0", "--json"];
    const plain = jsonOf(await runCli(["generate", "--prompt", "The cat", "--strategy", "autoregressive", ...common]));
    const checked = jsonOf(await runCli(["generate", "--strategy", "verified", ...common], { input: "The cat" }));
    expect(checked["tokens"]).toEqual(plain["tokens"]);
    const file = place("prompt.txt");
    await writeFile(file, "The cat");
    const read = jsonOf(await runCli(["generate", "--prompt-file", file, "--strategy", "verified", ...common]));
    expect(read["text"]).toBe(plain["text"]);
    const batch = jsonOf(
      await runCli(["generate", "--prompt", "The cat", "--prompt", "A dog", "--strategy", "verified", ...common]),
    );
    expect((batch["results"] as { text: string }[]).map(({ text }) => text)[0]).toBe(plain["text"]);
  });

  it("stops cleanly on Ctrl-C, and keeps the text so far", async () => {
    const { code, stdout } = await spawnCli(
      ["generate", "--prompt", "Once", "--max-new-tokens", "500", "--backoff", "1"],
      {
        interruptWhen: (text) => text.length > 10,
      },
    );
    expect([code, stdout.length > 10]).toEqual([130, true]);
  });

  it("refuses prompts and options that cannot be", async () => {
    const cases: [string[], number, RegExp][] = [
      [["--prompt", "word ".repeat(600)], 2, /context holds 512/],
      [["--prompt", "a", "--backoff", "2"], 2, /--backoff <e>.*expected a number from 0 to 1, received 2/],
      [["--prompt", "a", "--temperature", "-1"], 2, /temperature/],
      [["--prompt", "a", "--max-new-tokens", "0"], 2, /expected a whole number of at least 1, received 0/],
      [["--prompt", "a", "--strategy", "magic"], 2, /strategy: expected autoregressive, dynamo, verified/],
      [["--prompt", "a", "--dtype", "q4"], 4, /has q8; expected q4/],
      [["--prompt-file", join(folder, "nowhere.txt")], 3, /cannot read/],
      [[join(folder, "nowhere"), "--prompt", "a"], 3, /found none at/],
    ];
    const results = await Promise.all(cases.map(([args]) => runCli(["generate", ...args])));
    for (const [i, { code, stderr }] of results.entries()) {
      expect(stderr).toMatch(cases[i]?.[2] ?? /^$/);
      expect(code).toBe(cases[i]?.[1]);
    }
  });

  it("samples speculatively with a draft model, whose greedy text is the model's own", async () => {
    const common = ["generate", "--prompt", "The cat", "--temperature", "0", "--max-new-tokens", "24", "--json"];
    const plain = jsonOf(await runCli([...common, "--strategy", "autoregressive"]));
    const drafted = jsonOf(
      await runCli([...common, "--strategy", "speculative", "--draft", draftPath, "--drafts", "2"]),
    );
    expect([drafted["text"], drafted["strategy"]]).toEqual([plain["text"], "speculative"]);
    expect((drafted["statistics"] as { passes: number }).passes).toBeLessThan(24);
    for (const [part, said] of [
      [["--strategy", "speculative"], "--draft FOLDER"],
      [["--draft", draftPath], "--draft FOLDER"],
      [["--strategy", "speculative", "--draft", draftPath, "--drafts", "auto"], "expected 1 to 15"],
      [["--drafts", "2"], "dynamo() has no option drafts"],
    ] as const) {
      const { code, stderr } = await runCli(["generate", "--prompt", "a", ...part]);
      expect([code, stderr]).toEqual([2, expect.stringContaining(said)]);
    }
  });

  it("runs a strategy from a file, with a warning, and says which one failed", async () => {
    const good = `${place("good")}.mjs`;
    await writeFile(
      good,
      "export default { name: 'first', heads: 1, step: ({ positions: [[head]] }) => ({ tokens: [head.ids[0]] }) };",
    );
    const result = await runCli(["generate", "--prompt", "A", "--max-new-tokens", "4", "--strategy", good, "--json"]);
    expect([jsonOf(result)["strategy"], result.stderr.includes("runs as code")]).toEqual(["first", true]);
    const bad = `${place("bad")}.mjs`;
    await writeFile(bad, "export default { name: 'bad', step() { throw new Error('no idea'); } };");
    const failed = await runCli(["generate", "--prompt", "A", "--strategy", bad, "--json"]);
    expect([failed.code, jsonOf(failed)["error"]]).toEqual([
      1,
      { code: "strategy", message: "strategy bad threw: no idea" },
    ]);
  });
});

async function readTensor([file, name]: readonly [string, string]): Promise<Float32Array> {
  const bytes = await readFile(file);
  const { byteOffset = 0, byteLength = 0 } = parseSafetensorsHeader(bytes, bytes.length).tensors.get(name) ?? {};
  return new Float32Array(new Uint8Array(bytes).slice(byteOffset, byteOffset + byteLength).buffer);
}

describe("dynamo convert, inspect and logits", () => {
  it("make a model whose logits do not depend on how the tokens are fed", async () => {
    const [source, model] = [await checkpoint({ dynamo: { token_heads: 2 } }), place("model")];
    const converted = await runCli([
      "convert",
      source,
      "--token-heads",
      "3",
      "--dtype",
      "fp32,q4",
      "--out",
      model,
      "--json",
    ]);
    expect(jsonOf(converted)).toMatchObject({ tokenHeads: 3, untrainedHeads: [3] });
    const report = jsonOf(await runCli(["inspect", model, "--json"]));
    expect(report).toMatchObject({ kind: "model", untrainedHeads: [3] });
    expect((await runCli(["inspect", model])).stdout).toContain(
      "1 decoder layer each on the penultimate base layer (headLayers 1, headInput stem)",
    );
    const variant = await checkpoint({ dynamo: { token_heads: 2, head_layers: 2, head_input: "previous" } });
    expect((await runCli(["inspect", variant])).stdout).toMatch(
      /2 decoder layers each on .*headLayers 2, headInput previous/,
    );
    expect((await runCli(["inspect", await checkpoint({})])).stdout).not.toContain("headLayers");
    expect((report["graphs"] as { dtype: string }[]).map(({ dtype }) => dtype)).toEqual(["fp32", "q4"]);
    const tokens = place("tokens.json");
    await writeFile(
      tokens,
      JSON.stringify({
        tokens: [
          Array.from({ length: 20 }, (_, i) => (i * 7) % 61),
          Array.from({ length: 20 }, (_, i) => (i * 5 + 3) % 61),
        ],
      }),
    );
    const values = await Promise.all(
      ["all", "one", "ragged"].map(async (chunk) => {
        const out = place("logits.safetensors");
        expect(
          (await runCli(["logits", model, "--dtype", "fp32", "--tokens", tokens, "--out", out, "--chunk", chunk])).code,
        ).toBe(0);
        const bytes = await readFile(out);
        const start = 8 + Number(bytes.readBigUInt64LE(0));
        return new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length));
      }),
    );
    expect(values[0]?.length).toBe(3 * 2 * 20 * 61);
    for (const other of values.slice(1)) {
      const worst = other.reduce((most, value, i) => Math.max(most, Math.abs(value - (values[0]?.[i] ?? NaN))), 0);
      expect(worst).toBeLessThan(1e-4);
    }
  });

  it("put Medusa heads beside their base, and every strategy uses them", async () => {
    const heads = resolve(import.meta.dirname, "../../../packages/model/test/__fixtures__/medusa");
    const out = place("medusa");
    const source = join(heads, "base");
    const converted = await runCli([
      "convert",
      source,
      "--medusa",
      join(heads, "fasterdecoding"),
      "--out",
      out,
      "--json",
    ]);
    expect(jsonOf(converted)).toMatchObject({ tokenHeads: 3, untrainedHeads: [], warnings: [] });
    expect((await runCli(["inspect", out])).stdout).toContain(
      "2 Medusa blocks each on the base's final state, an output embedding each",
    );
    await usesItsHeads(out);
    const logits = place("medusa-logits.safetensors");
    const args = ["--medusa", join(heads, "fasterdecoding"), "--tokens", join(heads, "tokens.json"), "--out", logits];
    expect((await runCli(["logits", source, ...args])).code).toBe(0);
    const received = await readTensor([logits, "head_3"]);
    const expected = await readTensor([join(heads, "expected-logits.safetensors"), "fasterdecoding_1"]);
    received.forEach((value, i) => expect(Math.abs(value - (expected[i] ?? NaN))).toBeLessThan(1e-4));
    expect((await runCli(["logits", out, ...args])).stderr).toContain("expected a checkpoint for --medusa");
  });

  it("make heads of a checkpoint's MTP module, and every strategy uses them", async () => {
    const fixture = resolve(import.meta.dirname, "../../../packages/model/test/__fixtures__/mtp");
    const [source, out, plain] = [place("mtp-checkpoint"), place("mtp"), place("plain")];
    await mkdir(source);
    for (const file of ["config.json", "base.safetensors", "qwen.safetensors"])
      await copyFile(join(fixture, file), join(source, file));
    const weights = await Promise.all(
      ["base", "qwen"].map(async (shard) => {
        const bytes = await readFile(join(source, `${shard}.safetensors`));
        const { tensors } = parseSafetensorsHeader(bytes, bytes.length);
        return [...tensors.keys()].map((name) => [name, `${shard}.safetensors`]);
      }),
    );
    const index = { weight_map: Object.fromEntries(weights.flat()) as object };
    await writeFile(join(source, "model.safetensors.index.json"), JSON.stringify(index));
    const without = await runCli(["convert", source, "--out", plain]);
    expect(without.stderr).toContain("an MTP module, which is left out: `--mtp`");
    const converted = await runCli(["convert", source, "--mtp", "--token-heads", "3", "--out", out, "--json"]);
    expect(jsonOf(converted)).toMatchObject({ tokenHeads: 3, untrainedHeads: [], warnings: [] });
    expect((await runCli(["inspect", out])).stdout).toContain(
      "one MTP module for all, over the base's final state and the tokens between",
    );
    await usesItsHeads(out);
    const [tokens, logits] = [join(fixture, "tokens.json"), place("mtp-logits.safetensors")];
    // From the checkpoint itself, whose module is taken along.
    const written = await runCli([
      "logits",
      source,
      "--tokens",
      tokens,
      "--out",
      logits,
      "--chunk",
      "ragged",
      "--json",
    ]);
    expect(jsonOf(written)).toMatchObject({ heads: ["head_1", "head_2"] });
    const [received, expected] = await Promise.all(
      (
        [
          [logits, "head_2"],
          [join(fixture, "expected-logits.safetensors"), "mtp_1"],
        ] as const
      ).map(readTensor),
    );
    // The rows' last tokens have no successor in the file: the likeliest stands in for it there.
    const known = [0, 1].flatMap((row) => Array.from({ length: 11 * 40 }, (_, i) => row * 12 * 40 + i));
    for (const i of known) expect(Math.abs((received?.[i] ?? NaN) - (expected?.[i] ?? NaN))).toBeLessThan(1e-4);
  });

  /** Of a model of three heads: `verified` writes the base's text in no more passes, `dynamo` in fewer. */
  async function usesItsHeads(folder: string): Promise<void> {
    const runtime = createNodeRuntime({ device: "cpu", threads: 1 });
    const model = await loadModel(runtime, folder);
    const written = async (strategy: Strategy): Promise<GenerationResult> =>
      await generate(model, [5, 9, 11], { strategy, maxNewTokens: 20, seed: 1, stopAtEndOfText: false });
    const plain = await written(autoregressive({ temperature: 0 }));
    const drafted = await written(verified({ temperature: 0 }));
    expect(drafted.tokens).toEqual(plain.tokens);
    expect(drafted.statistics.passes).toBeLessThanOrEqual(plain.statistics.passes);
    expect((await written(dynamo({ backoff: 0 }))).statistics.passes).toBeLessThan(20);
    await model.dispose();
    await runtime.dispose();
  }

  it("refuse damaged checkpoints clearly, and leave no folder", async () => {
    const cut = await checkpoint();
    await truncate(join(cut, "model.safetensors"), 5000);
    const disagreeing = await checkpoint();
    await writeFile(join(disagreeing, "config.json"), JSON.stringify({ ...rawConfig, vocab_size: 62 }));
    const incomplete = await checkpoint({}, 20_000);
    const shard = (await readdir(incomplete)).find(
      (name) => name.endsWith("of-00002.safetensors") || name.includes("00002-of"),
    );
    await rm(join(incomplete, shard ?? "none"));
    const foreign = await checkpoint();
    await writeFile(join(foreign, "config.json"), JSON.stringify({ ...rawConfig, model_type: "bert" }));
    const cases: [string, number, RegExp][] = [
      [cut, 3, /the file has 5000/],
      [disagreeing, 3, /disagree with config\.json.*expected \[62, 32\]/],
      [incomplete, 3, /missing/],
      [foreign, 4, /gpt_neox/],
      [join(folder, "nowhere"), 3, /found none/],
    ];
    for (const [source, code, message] of cases) {
      const out = place("refused");
      const result = await runCli(["convert", source, "--out", out]);
      expect(result.stderr).toMatch(message);
      expect(result.code).toBe(code);
    }
    expect((await readdir(folder)).filter((name) => name.includes("refused"))).toEqual([]);
  });

  it("leave no folder behind on Ctrl-C", async () => {
    const source = await checkpoint({
      vocab_size: 50_000,
      hidden_size: 512,
      intermediate_size: 2048,
      num_attention_heads: 8,
    });
    const out = place("interrupted");
    const { code } = await spawnCli(["convert", source, "--dtype", "fp32,q8,q4,fp16", "--out", out], {
      interruptWhen: (_, stderr) => stderr.startsWith("converting"),
    });
    expect(code).toBe(130);
    expect((await readdir(folder)).filter((name) => name.includes("interrupted"))).toEqual([]);
  });
});

describe("dynamo count", () => {
  it("counts documents into the model's mask, and generation uses it", async () => {
    const model = place("stories");
    const { cp } = await import("node:fs/promises");
    const { modelPath } = await import("@dynamo/stories");
    await cp(modelPath, model, { recursive: true });
    const [text, lines] = [place("a.txt"), `${place("b")}.jsonl`];
    await writeFile(text, "Once upon a time there was a cat.<|endoftext|>Once upon a time there was a dog.");
    await writeFile(lines, `${JSON.stringify({ text: "Once upon a time there was a cat." })}\n`);
    const report = jsonOf(
      await runCli(["count", text, lines, "--model", model, "--order", "3", "--min-count", "2", "--json"]),
    );
    expect(report).toMatchObject({ documents: 3, minCount: 2 });
    const { text: story } = jsonOf(
      await runCli([
        "generate",
        model,
        "--prompt",
        "Once upon a",
        "--joint",
        "counts",
        "--backoff",
        "0.01",
        "--max-new-tokens",
        "3",
        "--temperature",
        "0",
        "--json",
      ]),
    );
    expect(story).toMatch(/^ time there/);
    expect((await readdir(model)).filter((name) => name.includes("partial"))).toEqual([]);
  });

  it("ends texts with each of the model's end-of-text tokens", async () => {
    const model = place("stories");
    const { cp } = await import("node:fs/promises");
    const { modelPath } = await import("@dynamo/stories");
    await cp(modelPath, model, { recursive: true });
    await writeFile(join(model, "generation_config.json"), JSON.stringify({ eos_token_id: [0, 7] }));
    const text = place("a.txt");
    await writeFile(text, "There was a cat.<|endoftext|>There was a dog.");
    const count = async (...more: string[]): Promise<number[]> =>
      jsonOf(await runCli(["count", text, "--model", model, "--json", ...more]))["totals"] as number[];
    const without = await count("--no-end-of-text");
    expect(await count()).toEqual(without.map((total) => total + 2 * 2));
    const mask = decodeMask(await readFile(join(model, "cooccurrence.safetensors")));
    const { chatTokenizer } = await loadPromptReader(model);
    const stop = [...(chatTokenizer?.encode("cat.") ?? [])].at(-1) ?? 0;
    expect([0, 7].map((end) => mask.count([stop, end]))).toEqual([2, 2]);
    expect(mask.count([0, 7])).toBe(0);
  });

  it("refuses files that are not there or no JSON lines", async () => {
    const bad = `${place("bad")}.jsonl`;
    await writeFile(bad, "not json\n");
    const { modelPath } = await import("@dynamo/stories");
    const results = [
      await runCli(["count", bad, "--model", modelPath]),
      await runCli(["count", join(folder, "nowhere"), "--model", modelPath]),
    ];
    expect(results.map(({ code }) => code)).toEqual([3, 3]);
    expect(results[0]?.stderr).toMatch(/bad-\d+\.jsonl:1 is not JSON/);
  });
});

describe("dynamo vectors and doctor", () => {
  const vector = (probability: number): object => ({
    cases: [
      {
        name: "one head",
        vocabulary: 2,
        documents: [[0, 1]],
        logits: [[0, 0]],
        context: [],
        options: {
          topK: 2,
          temperature: 1,
          backoff: 0.5,
          maskStrength: 1,
          adaptive: true,
          blur: true,
          repetitionPenalty: 1,
        },
        expected: {
          order: 1,
          distribution: [
            [[0], probability],
            [[1], 1 - probability],
          ],
          trace: [],
        },
      },
    ],
  });

  it("count what passed and what failed", async () => {
    const [right, wrong] = [place("right.json"), place("wrong.json")];
    await writeFile(right, JSON.stringify(vector(0.5)));
    await writeFile(wrong, JSON.stringify(vector(0.4)));
    const [passed, failed] = [await runCli(["vectors", right]), await runCli(["vectors", wrong])];
    expect([passed.code, passed.stdout.trim()]).toEqual([0, "1 passed, 0 failed"]);
    expect([failed.code, failed.stdout.trim().endsWith("0 passed, 1 failed")]).toEqual([1, true]);
    expect((await runCli(["vectors", join(folder, "nowhere.json")])).code).toBe(3);
  });

  it("tell what works here", async () => {
    const { devices } = jsonOf(await runCli(["doctor", "--json"])) as {
      devices: { device: string; works: boolean; remedy?: string }[];
    };
    expect(devices.map(({ device }) => device)).toEqual(["cpu", "cuda", "webgpu"]);
    expect(devices[0]?.works).toBe(true);
    for (const { works, remedy } of devices) if (!works) expect(remedy).toBeTruthy();
  });
});
