/** The verbs that make models, as a person runs them: tokenizer train, data prepare, train. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli, type CliResult } from "./run-cli.js";
import { makeTrainingFiles, outcome, succeeded, words, writeConfig, type TrainingFiles } from "./training-files.js";

let folder: string;
let files: TrainingFiles;
let made = 0;
const place = (name: string): string => join(folder, `${name}-${made++}`);
const jsonOf = ({ stdout }: CliResult): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>;
const refusal = (result: CliResult): unknown[] => [result.code, jsonOf(result)["error"]];
const error = (code: string, message: RegExp) => ({ code, message: expect.stringMatching(message) });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-training-"));
  files = await makeTrainingFiles(folder);
});
afterAll(() => rm(folder, { recursive: true }));

describe("dynamo tokenizer train", () => {
  it("makes a tokenizer, says how large it is, and replaces it only when told to", async () => {
    const out = place("tokenizer");
    const args = ["tokenizer", "train", files.text, "--out", out, "--vocabulary", "280", "--json"];
    expect(jsonOf(await runCli(args))).toEqual({
      path: join(out, "tokenizer.json"),
      vocabularySize: 280,
      merges: 280 - 257,
    });
    expect(readdirSync(out).sort()).toEqual(["tokenizer.json", "tokenizer_config.json"]);
    expect(refusal(await runCli(args))).toEqual([2, error("invalid-argument", /exists already/)]);
    expect((await runCli([...args, "--overwrite"])).code).toBe(0);
  });

  it("refuses what is not UTF-8 with the file and the offset, and files that are not there", async () => {
    const text = `${place("latin")}.txt`;
    await writeFile(text, Buffer.from([0x63, 0x61, 0x66, 0xe9, 0x20, 0x61]));
    const out = place("tokenizer");
    const args = ["tokenizer", "train", text, "--out", out, "--json"];
    expect(refusal(await runCli(args))).toEqual([3, error("invalid-file", /latin-\d+\.txt is not UTF-8.*offset 3/)]);
    const nowhere = await runCli(["tokenizer", "train", join(folder, "nowhere"), "--out", out, "--json"]);
    expect(refusal(nowhere)).toEqual([3, error("not-found", /there is no file/)]);
    expect(existsSync(out)).toBe(false);
  });
});

describe("dynamo data prepare", () => {
  it("makes a dataset of several sources, with their weights", async () => {
    const more = `${place("more")}.jsonl`;
    await writeFile(
      more,
      words(50)
        .split("<|endoftext|>")
        .map((text) => `${JSON.stringify({ text })}\n`)
        .join(""),
    );
    const out = place("data");
    const name = more.replace(/^.*\/|\.jsonl$/g, "");
    const weights = ["--weight", "text=1", "--weight", `${name}=3`];
    const args = ["data", "prepare", files.text, more, "--tokenizer", files.tokenizer, "--out", out, ...weights];
    const { sources } = jsonOf(await runCli([...args, "--json"])) as { sources: { name: string; weight: number }[] };
    expect(sources.map((source) => [source.name, source.weight])).toEqual([
      ["text", 1],
      [name, 3],
    ]);
    expect(readdirSync(out).sort()).toEqual(
      [name, "dataset.json", "text", "tokenizer.json", "tokenizer_config.json"].sort(),
    );
  });

  it("refuses what cannot be, and leaves nothing", async () => {
    const text = `${place("latin")}.txt`;
    await writeFile(text, Buffer.concat([Buffer.from("fine ".repeat(1000)), Buffer.from([0xff])]));
    const out = place("data");
    const args = ["data", "prepare", text, "--tokenizer", files.tokenizer, "--out", out, "--json"];
    expect(refusal(await runCli(args))).toEqual([3, error("invalid-file", /not UTF-8.*offset 5000/)]);
    const weight = await runCli([...args, "--weight", "other=1"]);
    expect(refusal(weight)).toEqual([2, error("invalid-argument", /--weight other: expected one of latin/)]);
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(folder).filter((name) => name.includes("partial"))).toEqual([]);
  });
});

describe("dynamo train", () => {
  it("trains from text to a model that generates, and reports as JSON", async () => {
    const config = await writeConfig(place("config"), { steps: 6, samplePrompts: ["the cat <b>"] });
    const run = place("run");
    const args = ["train", config, "--text", files.text, "--tokenizer", files.tokenizer, "--out", run, "--json"];
    const result = jsonOf(succeeded(await runCli(args)));
    expect(result).toMatchObject({ run, steps: 6, tokens: 6 * 4 * 32, finished: true, model: join(run, "model") });
    expect(readdirSync(run).sort()).toEqual([
      "checkpoints",
      "data",
      "metrics.jsonl",
      "model",
      "report.html",
      "run.json",
    ]);
    const report = readFileSync(join(run, "report.html"), "utf8");
    expect(report).toContain("the cat &lt;b&gt;");
    const generated = await runCli([
      "generate",
      join(run, "model"),
      "--prompt",
      "the",
      "--max-new-tokens",
      "1",
      "--json",
    ]);
    expect(jsonOf(succeeded(generated))["tokens"]).toHaveLength(1);
    expect(refusal(await runCli(args))).toEqual([2, error("invalid-argument", /holds a run already/)]);
    const finished = jsonOf(succeeded(await runCli(["train", "--out", run, "--resume", "--json"])));
    expect(finished).toMatchObject({ steps: 6, finished: true });
  });

  it("trains heads on a checkpoint, whose base stays as it is", async () => {
    const config = await writeConfig(place("config"), { dataset: files.dataset, steps: 2, tokenHeads: 1 });
    const base = jsonOf(succeeded(await runCli(["train", config, "--out", place("base"), "--json"])));
    const flags = ["--dataset", files.dataset, "--token-heads", "3", "--heads-only", "--steps", "3"];
    const shape = ["--batch", "2", "--sequence", "16", "--learning-rate", "0.01"];
    const checkpoint = ["--checkpoint", base["checkpoint"] as string];
    const run = place("heads");
    const result = jsonOf(
      succeeded(await runCli(["train", ...flags, ...shape, ...checkpoint, "--out", run, "--json"])),
    );
    expect(jsonOf(await runCli(["inspect", result["model"] as string, "--json"]))).toMatchObject({
      untrainedHeads: [],
    });
  });

  it("teaches heads the tokens between: with them, alone, on a stem session, and the model says so", async () => {
    const config = await writeConfig(place("config"), { dataset: files.dataset, steps: 2, tokenHeads: 1 });
    const base = jsonOf(succeeded(await runCli(["train", config, "--out", place("base"), "--json"])));
    const shape = [
      "--dataset",
      files.dataset,
      "--token-heads",
      "3",
      "--steps",
      "2",
      "--batch",
      "2",
      "--sequence",
      "16",
    ];
    const train = (checkpoint: unknown, ...flags: string[]): Promise<CliResult> => {
      const args = ["--checkpoint", String(checkpoint), "--learning-rate", "0.01", "--out", place("parts"), "--json"];
      return runCli(["train", ...shape, ...flags, ...args]);
    };
    const heads = jsonOf(
      succeeded(await train(base["checkpoint"], "--heads-only", "--conditional", "pairs:4,between:8")),
    );
    const alone = ["--conditional-only", "--distillation", "1", "--stem", "session", "--stem-dtype", "fp32"];
    const parts = jsonOf(succeeded(await train(heads["checkpoint"], ...alone, "--conditional", "pairs:4,between:8")));
    const inspected = await runCli(["inspect", parts["model"] as string]);
    expect(inspected.stdout).toMatch(
      /conditional\.safetensors \([\d.]+ kB\), pairs of rank 4, between of width 8: heads know the tokens between/,
    );
    const args = ["generate", parts["model"] as string, "--prompt", "the", "--max-new-tokens", "6", "--json"];
    // A text may end before its sixth token.
    expect(jsonOf(succeeded(await runCli(args)))["tokens"]).not.toHaveLength(0);
    expect(refusal(await train(parts["checkpoint"], "--conditional", "between:9"))).toEqual([
      2,
      error("invalid-argument", /conditional: the checkpoint's token heads have/),
    ]);
    expect((await train(base["checkpoint"], "--conditional", "layers")).stderr).toContain(
      "expected pairs, between or both",
    );
  });

  it("trains heads on a frozen stem that runs as an inference session", async () => {
    const architecture = { hiddenSize: 64, layers: 3, attentionHeads: 2, contextLength: 64 };
    const config = await writeConfig(place("config"), {
      dataset: files.dataset,
      steps: 1,
      tokenHeads: 1,
      architecture,
    });
    const base = jsonOf(succeeded(await runCli(["train", config, "--out", place("base"), "--json"])));
    const stem = ["--heads-only", "--stem", "session", "--stem-dtype", "q8"];
    const flags = ["--checkpoint", base["checkpoint"] as string, "--dataset", files.dataset, "--token-heads", "2"];
    const shape = ["--steps", "2", "--batch", "2", "--sequence", "16", "--learning-rate", "0.01"];
    const run = place("stem");
    const result = jsonOf(succeeded(await runCli(["train", ...flags, ...shape, ...stem, "--out", run, "--json"])));
    expect(JSON.parse(readFileSync(join(run, "run.json"), "utf8"))).toMatchObject({
      train: "heads",
      stem: "session",
      stemDtype: "q8",
    });
    const model = result["model"] as string;
    expect(jsonOf(await runCli(["inspect", model, "--json"]))).toMatchObject({
      untrainedHeads: [],
      graphs: [{ dtype: "q8" }],
    });
    const all = await runCli(["train", ...flags, ...shape, "--stem", "session", "--out", place("all"), "--json"]);
    expect(refusal(all)).toEqual([2, error("invalid-argument", /stem: a session is frozen/)]);
    const dtype = await runCli([
      "train",
      ...flags,
      ...shape,
      "--heads-only",
      "--stem-dtype",
      "q8",
      "--out",
      place("x"),
      "--json",
    ]);
    expect(refusal(dtype)).toEqual([2, error("invalid-argument", /stemDtype: only a stem that is a session/)]);
  });

  it("trains in float16, on a frozen stem too, tells the loss scale, and does not go on in float32", async () => {
    const config = await writeConfig(place("config"), { dataset: files.dataset, steps: 2 });
    const run = place("run");
    const half = ["--precision", "float16", "--json"];
    const { checkpoint } = jsonOf(succeeded(await runCli(["train", config, "--out", run, ...half])));
    const [first = ""] = readFileSync(join(run, "metrics.jsonl"), "utf8").split("\n");
    expect(JSON.parse(first)).toMatchObject({ lossScale: 65536, skippedSteps: 0 });
    const other = await runCli(["train", "--out", run, "--resume", "--precision", "float32", "--json"]);
    expect(refusal(other)).toEqual([2, error("invalid-argument", /precision was "float16", is "float32"/)]);

    const stem = ["--checkpoint", checkpoint as string, "--heads-only", "--stem", "session", "--stem-dtype", "fp32"];
    const shape = ["--dataset", files.dataset, "--steps", "2", "--batch", "2", "--sequence", "16"];
    const flags = ["--token-heads", "2", "--learning-rate", "0.01", "--out", place("stem")];
    expect(jsonOf(succeeded(await runCli(["train", ...stem, ...shape, ...flags, ...half])))["finished"]).toBe(true);
  });

  it("trains heads with an output embedding of their own, and LoRA heads, whose alpha needs a rank", async () => {
    const first = await writeConfig(place("config"), { dataset: files.dataset, steps: 1, tokenHeads: 1 });
    const base = jsonOf(succeeded(await runCli(["train", first, "--out", place("base"), "--json"])));
    const folders = ["train", "--checkpoint", base["checkpoint"] as string, "--dataset", files.dataset];
    const shape = ["--token-heads", "2", "--steps", "2", "--batch", "2", "--sequence", "16", "--learning-rate", "0.01"];
    const trained = async (...flags: string[]): Promise<Record<string, unknown>> => {
      const { model } = jsonOf(
        succeeded(await runCli([...folders, ...shape, ...flags, "--out", place("run"), "--json"])),
      );
      return jsonOf(await runCli(["inspect", model as string, "--json"]));
    };
    expect(await trained("--own-output-embedding")).toMatchObject({
      config: { ownOutputEmbedding: true },
      untrainedHeads: [],
    });
    const adapted = await trained("--head-lora-rank", "2", "--head-lora-alpha", "4");
    expect(adapted).toMatchObject({ config: { tokenHeads: 2, ownOutputEmbedding: false }, untrainedHeads: [] });
    const alone = await runCli([...folders, ...shape, "--head-lora-alpha", "4", "--out", place("run"), "--json"]);
    expect(refusal(alone)).toEqual([
      2,
      error("invalid-argument", /--head-lora-alpha .* --head-lora-rank: expected a rank too, received alpha 4 alone/),
    ]);
  });

  it("finds the tokenizer of a checkpoint that the file names, and will not have text and a dataset", async () => {
    const first = await writeConfig(place("config"), { dataset: files.dataset, steps: 1 });
    const { checkpoint } = jsonOf(succeeded(await runCli(["train", first, "--out", place("base"), "--json"])));
    const config = await writeConfig(place("config"), { architecture: undefined, checkpoint, steps: 1 });
    const text = ["--text", files.text, "--json"];
    expect(jsonOf(succeeded(await runCli(["train", config, "--out", place("run"), ...text])))["finished"]).toBe(true);
    const torch = place("torch");
    expect(
      jsonOf(succeeded(await runCli(["train", config, "--export-torch", torch, "--batch", "2", ...text])))["folder"],
    ).toBe(torch);
    const both = await runCli(["train", first, "--out", place("run"), ...text]);
    expect(refusal(both)).toEqual([2, error("invalid-argument", /either --text or a dataset/)]);
  });

  it("refuses what cannot be: every option that is wrong, other configurations, too little text, too little memory", async () => {
    const wrong = await runCli(["train", "--out", place("run"), "--steps", "0", "--batch", "0", "--json"]);
    expect(refusal(wrong)).toEqual([2, error("invalid-argument", /dataset: .*steps: .*batch: .*learningRate: /)]);
    const broken = `${place("config")}.json`;
    await writeFile(broken, "{");
    const none = await runCli(["train", broken, "--out", place("run"), "--json"]);
    expect(refusal(none)).toEqual([3, error("invalid-file", /is not JSON/)]);
    const nowhere = await runCli(["train", "--out", place("run"), "--resume", "--json"]);
    expect(refusal(nowhere)).toEqual([3, error("not-found", /no run to resume/)]);

    const config = await writeConfig(place("config"), { dataset: files.dataset, steps: 2 });
    const run = place("run");
    succeeded(await runCli(["train", config, "--out", run]));
    const changed = await runCli(["train", config, "--out", run, "--resume", "--steps", "9", "--seed", "4", "--json"]);
    expect(refusal(changed)).toEqual([2, error("invalid-argument", /steps was 2, is 9; seed was 0, is 4/)]);
    const large = await runCli(["train", config, "--out", place("run"), "--batch", "1000000", "--json"]);
    expect(refusal(large)).toEqual([2, error("invalid-argument", /smaller than a batch/)]);
    const architecture = { hiddenSize: 65536, layers: 80, attentionHeads: 64, contextLength: 64 };
    const huge = await writeConfig(place("config"), { dataset: files.dataset, steps: 2, architecture });
    const memory = await runCli(["train", huge, "--out", place("run"), "--json"]);
    expect(refusal(memory)).toEqual([
      1,
      error("out-of-memory", /needs about [\d.]+ [MG]B .* there are .*: lower batch/),
    ]);
  });

  it("stops when it diverges: exit code 1, the step and the batch, and no spoilt checkpoint", async () => {
    const config = await writeConfig(place("config"), { dataset: files.dataset, steps: 9, learningRate: 1e38 });
    const run = place("run");
    const result = await runCli(["train", config, "--out", run, "--json"]);
    expect(refusal(result)).toEqual([
      1,
      error("runtime", /^at step \d, the batch after \d+ rows of text: training diverged/),
    ]);
    expect(existsSync(join(run, "checkpoints"))).toBe(false);
  });
});

/** A small disk of its own, where this process may mount one. */
function smallDisk(at: string, size: string): boolean {
  mkdirSync(at);
  return spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", at]).status === 0;
}

describe("a disk that is full", () => {
  it("stops the run; the checkpoint before stays valid, nothing half-written stays, and the run goes on later", async (context) => {
    const disk = place("disk");
    if (!smallDisk(disk, "2m")) context.skip("mounting a small disk needs root on Linux");
    try {
      const config = await writeConfig(place("config"), {
        dataset: files.dataset,
        steps: 8,
        checkpointEvery: 1,
        keepCheckpoints: 9,
      });
      const [run, whole] = [join(disk, "run"), place("whole")];
      succeeded(await runCli(["train", config, "--out", whole]));
      const result = await runCli(["train", config, "--out", run, "--json"]);
      expect(refusal(result)).toEqual([
        1,
        error("runtime", /the disk is full \(ENOSPC\).* was not written; the checkpoint of step \d is as it was/),
      ]);
      expect(readdirSync(join(run, "checkpoints")).every((name) => /^step-\d+$/.test(name))).toBe(true);
      expect(spawnSync("mount", ["-o", "remount,size=64m", disk]).status).toBe(0);
      succeeded(await runCli(["train", "--out", run, "--resume"]));
      expect(outcome(run)).toEqual(outcome(whole));
    } finally {
      spawnSync("umount", [disk]);
    }
  });
});
