/** Models of the hub, as a user of the command line meets them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { neoxConfigJson, parseConfig } from "@dynamo/model";
import { writeRandomCheckpoint } from "@dynamo/model/convert";
import { filesOf, startFakeHub, type FakeHub } from "@dynamo/services/fake-hub";
import { modelPath } from "@dynamo/stories";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { command, runCli, spawnCli } from "./run-cli.js";

let hub: FakeHub;
let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-cli-hub-"));
  const size = {
    vocabularySize: 4096,
    hiddenSize: 64,
    layers: 2,
    attentionHeads: 2,
    contextLength: 64,
    rotaryPercent: 0.5,
  };
  await writeRandomCheckpoint(at("checkpoint"), { config: parseConfig(neoxConfigJson(size)), shardBytes: 200_000 });
  const { "tokenizer.json": tokenizer, "tokenizer_config.json": settings } = filesOf(modelPath);
  const texts = {
    "tokenizer.json": tokenizer ?? Buffer.alloc(0),
    "tokenizer_config.json": settings ?? Buffer.alloc(0),
  };
  hub = await startFakeHub({
    "owner/random": { files: { ...filesOf(at("checkpoint")), ...texts }, license: "apache-2.0", revisions: ["v1"] },
    "dynamo/stories": { files: filesOf(modelPath) },
    "owner/gated": { files: {}, token: "hf_other", gated: true },
  });
  writeFileSync(at("text.txt"), "Once upon a time there was a cat.<|endoftext|>The cat sat.<|endoftext|>");
  vi.stubEnv("HF_ENDPOINT", hub.endpoint);
  vi.stubEnv("HF_TOKEN", "hf_mine");
  vi.stubEnv("DYNAMO_HUB_CACHE", at("cache"));
});
afterEach(() => {
  hub.intercept = undefined;
  hub.requests.length = 0;
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await hub.close();
  rmSync(folder, { recursive: true, force: true });
});

const prompt = ["--prompt", "Once upon a time", "--temperature", "0", "--max-new-tokens", "8", "--json"];
const textOf = (stdout: string): string => (JSON.parse(stdout) as { text: string }).text;

describe("dynamo pull and models", () => {
  it("bring, list and remove models", async () => {
    const pulled = await runCli(["pull", "owner/random", "--dtype", "q4,q8", "--json"]);
    expect([pulled.code, pulled.stderr]).toEqual([0, expect.stringContaining("downloading from the hub")]);
    const report = JSON.parse(pulled.stdout) as { license: string; folders: { dtype: string; folder: string }[] };
    expect([report.license, report.folders.map(({ dtype }) => dtype)]).toEqual(["apache-2.0", ["q4", "q8"]]);
    for (const each of report.folders) expect(existsSync(join(each.folder, "config.json"))).toBe(true);
    const listed = await runCli(["models"]);
    expect(listed.stdout).toMatch(/owner\/random.*licence apache-2\.0, main = [0-9a-f]{8}/);
    expect(listed.stdout).toMatch(/converted .* [0-9a-f]{40}-q4-\d+/);
    const json = JSON.parse((await runCli(["models", "list", "--json"])).stdout) as {
      models: { id: string; made: unknown[] }[];
    };
    expect(json.models.map(({ id, made }) => [id, made.length])).toEqual([["owner/random", 2]]);
    const one = await runCli(["models", "owner/random"]);
    expect(one.stdout).toMatch(/owner\/random.*licence apache-2\.0, main = [0-9a-f]{8}/);
    expect(one.stdout).toMatch(/^ {2}snapshots\/[0-9a-f]{40}\/config\.json {2}\d+ bytes$/m);
    expect(one.stdout).toMatch(/^ {2}made\/[0-9a-f]{40}-q8-\d+\/onnx\/model_q8\.onnx {2}[\d.]+ kB$/m);
    const { id, files } = JSON.parse((await runCli(["models", "owner/random", "--json"])).stdout) as {
      readonly id: string;
      readonly files: readonly { readonly path: string; readonly bytes: number }[];
    };
    expect([id, files.filter(({ path }) => path.endsWith("model_q4.onnx")).length]).toEqual(["owner/random", 1]);
    const unknown = await runCli(["models", "owner/nothing"]);
    expect([unknown.code, unknown.stderr]).toEqual([3, expect.stringContaining("owner/nothing is not in the cache")]);
    expect((await runCli(["models", "remove", "owner/random"])).stdout).toMatch(/removed owner\/random \(/);
    expect((await runCli(["models"])).stdout).toMatch(/no model of the hub is kept here/);
    const none = await runCli(["models", "remove", "owner/random"]);
    expect([none.code, none.stderr]).toEqual([3, expect.stringContaining("not in the cache")]);
  });

  it("say what to do about a gated model, a name that is none, a model that is not there", async () => {
    const gated = await runCli(["pull", "owner/gated"]);
    expect([gated.code, gated.stderr]).toEqual([2, expect.stringMatching(/gated.*accept its conditions/)]);
    const none = await runCli(["pull", "../../etc/passwd"]);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("hf:owner/name")]);
    const absent = await runCli(["generate", "owner/nothing", ...prompt]);
    expect([absent.code, absent.stderr]).toEqual([3, expect.stringMatching(/no such model, or it is private/)]);
    expect(hub.requests.map(({ path }) => path).filter((path) => path.includes("etc"))).toEqual([]);
  });
});

describe("verbs take ids", () => {
  it("generate: as owner/name, with its revision, and offline", async () => {
    const first = await runCli(["generate", "dynamo/stories", ...prompt]);
    const folderText = await runCli(["generate", modelPath, ...prompt]);
    expect(textOf(first.stdout)).toBe(textOf(folderText.stdout));
    hub.requests.length = 0;
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    const offline = await runCli(["generate", "hf:dynamo/stories", ...prompt]);
    const missing = await runCli(["generate", "hf:owner/unknown", ...prompt]);
    vi.stubEnv("HF_HUB_OFFLINE", "");
    expect([textOf(offline.stdout), hub.requests.length]).toEqual([textOf(first.stdout), 0]);
    expect([missing.code, missing.stderr]).toEqual([3, expect.stringContaining("offline")]);
    const random = await runCli(["generate", "owner/random@v1", "--dtype", "q4", ...prompt]);
    expect([random.code, JSON.parse(random.stdout)]).toMatchObject([0, { dtype: "q4", model: "owner/random@v1" }]);
  });

  it("inspect, convert, count, tokenizer of data prepare, logits", async () => {
    const inspected = await runCli(["inspect", "owner/random", "--json"]);
    expect(JSON.parse(inspected.stdout)).toMatchObject({ kind: "checkpoint", config: { vocabularySize: 4096 } });
    const converted = await runCli(["convert", "owner/random", "--out", at("mine"), "--token-heads", "2", "--json"]);
    expect(converted.code).toBe(0);
    expect(readFileSync(at("mine", "README.md"), "utf8")).toMatch(/license: apache-2\.0\nbase_model: owner\/random/);
    const prepared = await runCli([
      "data",
      "prepare",
      at("text.txt"),
      "--tokenizer",
      "owner/random",
      "--out",
      at("data"),
      "--held-out",
      "0",
      "--json",
    ]);
    expect([prepared.code, prepared.stderr]).toEqual([0, expect.not.stringContaining("rror")]);
    const counted = await runCli(["count", at("text.txt"), "--model", "owner/random", "--min-count", "1"]);
    expect(counted.code).toBe(0);
    expect(JSON.parse((await runCli(["models", "--json"])).stdout)).toMatchObject({
      models: [{ id: "dynamo/stories" }, { id: "owner/random" }],
    });
    writeFileSync(at("tokens.json"), '{"tokens": [[1, 2, 3]]}');
    const logits = await runCli([
      "logits",
      "owner/random",
      "--tokens",
      at("tokens.json"),
      "--out",
      at("logits.safetensors"),
    ]);
    expect([logits.code, existsSync(at("logits.safetensors"))]).toEqual([0, true]);
  });

  it("eval names the commit that it measured", async () => {
    const { code, stdout, stderr } = await runCli([
      "eval",
      "perplexity",
      "dynamo/stories",
      "--text",
      at("text.txt"),
      "--json",
    ]);
    expect(stderr).not.toContain("dynamo:");
    expect(code).toBe(0);
    expect(stdout).toMatch(/"model":"[^"]*dynamo--stories[^"]*[0-9a-f]{40}"/);
  });

  it("train: a checkpoint of the hub, by the flag and by the file", async () => {
    const settings = { steps: 1, batch: 1, sequence: 8, tokenHeads: 1, learningRate: 0.001 };
    writeFileSync(at("run.json"), JSON.stringify({ ...settings, checkpoint: "owner/random" }));
    const long = at("long.txt");
    writeFileSync(long, "Once upon a time there was a little cat who sat on a mat all day. <|endoftext|>".repeat(40));
    const trained = await runCli(["train", at("run.json"), "--text", long, "--out", at("run"), "--json"]);
    expect([trained.code, trained.stderr]).toEqual([0, expect.anything()]);
    expect(existsSync(at("run", "model", "config.json"))).toBe(true);
  });

  it("a folder of the same name goes first", async () => {
    // Tests run in the package's folder, or in the root's.
    const own = existsSync("test/shared") ? "test/shared" : "packages/model";
    const { code, stderr } = await runCli(["inspect", own]);
    expect([code, stderr]).toEqual([3, expect.not.stringContaining("hub")]);
    expect(hub.requests).toEqual([]);
  });
});

describe("processes of their own", () => {
  const env = (cache: string) => ({ HF_ENDPOINT: hub.endpoint, HF_TOKEN: "hf_mine", DYNAMO_HUB_CACHE: at(cache) });

  it("two at once download and convert once", async () => {
    const both = await Promise.all(
      [0, 1].map(() => spawnCli(["pull", "owner/random", "--json"], { env: env("shared") })),
    );
    expect(both.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual([0, 0]);
    expect(both[0]?.stdout).toBe(both[1]?.stdout);
    const weights = hub.requests.filter(({ server }) => server === "store").length;
    expect(weights).toBe(readdirSync(at("checkpoint")).filter((name) => name.endsWith(".safetensors")).length);
  });

  it("one that is killed midway leaves what the next goes on from", async () => {
    let kill = (): void => undefined;
    const half = new Promise<void>((done) => (kill = done));
    let sent = 0;
    // The first file stops in its middle and stays open.
    hub.intercept = ({ server, path }, response) => {
      const content = hub.models["owner/random"]?.files[decodeURIComponent(/^\/([^?]+)/.exec(path)?.[1] ?? "")];
      if (server !== "store" || content === undefined || sent++ > 0) return false;
      response.writeHead(200, { "Content-Length": String(content.length) });
      response.write(content.subarray(0, content.length >> 1), kill);
      return true;
    };
    const child = spawn(process.execPath, [command, "pull", "owner/random"], {
      env: { ...process.env, ...env("killed") },
    });
    await half;
    const partial = at("killed", "owner--random", "partial");
    const bytes = (): number => (existsSync(partial) ? readdirSync(partial).length : 0);
    await vi.waitFor(() => {
      expect(bytes()).toBeGreaterThan(0);
    }, 60_000);
    child.kill("SIGKILL");
    await once(child, "exit");
    hub.intercept = undefined;
    const again = await spawnCli(["pull", "owner/random", "--json"], { env: env("killed") });
    expect(again.code).toBe(0);
    expect(readdirSync(partial)).toEqual([]);
    const { folders } = JSON.parse(again.stdout) as { folders: { folder: string }[] };
    expect(existsSync(join(folders[0]?.folder ?? "", "onnx/model_q8.onnx"))).toBe(true);
  });
});
