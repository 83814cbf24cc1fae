import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelPath as stories } from "@dynamo/stories";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { answerWith, commitOf, filesOf, startFakeHub, type FakeHub } from "@dynamo/services/fake-hub";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { hubConfig } from "../test/hub-config.js";
import { safetensors } from "../test/memory-files.js";
import { inspectModel, loadModel, type HubOptions } from "./index.js";
import { convertCheckpoint, hubFolder, writeRandomCheckpoint } from "./convert.js";

const runtime = createNodeRuntime({ device: "cpu" });
let hub: FakeHub;
let local: string;
let cache: string;
beforeAll(async () => {
  local = mkdtempSync(join(tmpdir(), "dynamo-checkpoint-"));
  await writeRandomCheckpoint(join(local, "whole"), { config: hubConfig });
  await writeRandomCheckpoint(join(local, "shards"), { config: hubConfig, shardBytes: 20_000 });
  hub = await startFakeHub();
});
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "dynamo-hub-"));
  const { dynamo, ...plain } = JSON.parse(readFileSync(join(local, "whole/config.json"), "utf8")) as {
    dynamo: unknown;
  };
  expect(dynamo).toBeDefined();
  const extra = {
    "config.json": Buffer.from(JSON.stringify(plain)),
    "README.md": Buffer.from("---\nlicense: mit\n---\nA model."),
    LICENSE: Buffer.from("MIT License"),
    "pytorch_model.bin": Buffer.from("pickle"),
    "onnx/model.onnx": Buffer.from("another project's"),
  };
  hub.models["owner/whole"] = { files: { ...filesOf(join(local, "whole")), ...extra }, license: "mit" };
  hub.models["owner/shards"] = { files: filesOf(join(local, "shards")) };
});
afterEach(() => {
  hub.intercept = undefined;
  hub.requests.length = 0;
  rmSync(cache, { recursive: true, force: true });
});
afterAll(async () => {
  await hub.close();
  await runtime.dispose();
  rmSync(local, { recursive: true, force: true });
});

const settings = (): HubOptions => ({ endpoint: hub.endpoint, cache, token: "none-needed" });
const downloads = (): string[] => hub.requests.flatMap(({ path }) => /\/resolve\/[^/]+\/(.*)/.exec(path)?.[1] ?? []);

describe("Medusa heads of the hub", () => {
  const block = { name: "0.0.linear.weight", shape: [32, 32], data: new Float32Array(32 * 32) };

  it("are fetched alone, beside a base from anywhere", async () => {
    const files = {
      "medusa_lm_head.safetensors": Buffer.from(safetensors([block])),
      "medusa_lm_head.pt": Buffer.from("x"),
    };
    hub.models["owner/heads"] = { files };
    const target = join(cache, "with-heads");
    const report = await convertCheckpoint(join(local, "whole"), target, { medusa: "hf:owner/heads", hub: settings() });
    expect(report).toMatchObject({ tokenHeads: 2, untrainedHeads: [] });
    expect(downloads()).toEqual(["medusa_lm_head.safetensors"]);
  });

  it("are refused as pickles before anything is downloaded", async () => {
    hub.models["owner/pickled"] = { files: { "medusa_lm_head.pt": Buffer.from("x") } };
    const options = { medusa: "hf:owner/pickled", hub: settings() };
    await expect(convertCheckpoint(join(local, "whole"), join(cache, "none"), options)).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("hf:owner/pickled: expected medusa_lm_head.safetensors") as unknown,
    });
    expect(downloads()).toEqual([]);
  });
});

describe("a checkpoint of the hub", () => {
  it.each(["owner/whole", "owner/shards"])("%s is converted once and kept", async (id) => {
    const model = await loadModel(runtime, `hf:${id}`, { dtype: "q4", hub: settings() });
    expect([model.dtype, model.info.vocabularySize]).toEqual(["q4", 64]);
    await model.dispose();
    hub.requests.length = 0;
    const again = await loadModel(runtime, `hf:${id}`, { dtype: "q4", hub: { ...settings(), offline: true } });
    await again.dispose();
    expect(hub.requests).toEqual([]);
  });

  it("is the same model as from a folder", async () => {
    await convertCheckpoint(join(local, "whole"), join(cache, "local"), { dtypes: ["q8"] });
    const { folder, dtype } = await hubFolder("hf:owner/whole", { as: "model", hub: settings() });
    expect(dtype).toBe("q8");
    expect(readFileSync(join(folder, "onnx/model_q8.onnx"))).toEqual(
      readFileSync(join(cache, "local/onnx/model_q8.onnx")),
    );
  });

  it("brings only what is needed, and keeps licence and base in the card", async () => {
    const stages: string[] = [];
    const hubSettings = { ...settings(), onProgress: ({ stage }: { stage: string }) => stages.push(stage) };
    const { folder } = await hubFolder("hf:owner/whole", { as: "model", dtype: "q4", hub: hubSettings });
    expect(downloads().sort()).toEqual(["LICENSE", "README.md", "config.json", "model.safetensors"]);
    const card = readFileSync(join(folder, "README.md"), "utf8");
    expect(card).toContain("---\nlicense: mit\nbase_model: owner/whole\nlibrary_name: dynamo\n---\n");
    expect(card).toContain(commitOf(hub.models["owner/whole"] ?? { files: {} }));
    expect(readFileSync(join(folder, "LICENSE"), "utf8")).toBe("MIT License");
    expect(new Set(stages)).toEqual(new Set(["downloading", "converting"]));
  });

  it("is converted to another dtype without another download", async () => {
    await hubFolder("hf:owner/whole", { as: "model", dtype: "q4", hub: settings() });
    hub.requests.length = 0;
    await hubFolder("hf:owner/whole", { as: "model", dtype: "fp32", hub: settings() });
    expect(downloads()).toEqual([]);
  });

  it("is converted once by two at a time", async () => {
    const both = await Promise.all([0, 1].map(() => hubFolder("hf:owner/whole", { as: "model", hub: settings() })));
    expect(both[0]).toEqual(both[1]);
    expect(downloads().filter((path) => path === "model.safetensors")).toHaveLength(1);
  });

  it("is itself what a conversion and an inspection take", async () => {
    const report = await inspectModel("hf:owner/shards", { hub: settings() });
    expect([report.kind, report.config.layers]).toEqual(["checkpoint", 2]);
    await convertCheckpoint("hf:owner/shards", join(cache, "mine"), { dtypes: ["q8"], hub: settings() });
    expect(statSync(join(cache, "mine/onnx/model_q8.onnx")).isFile()).toBe(true);
  });

  it("gets a new conversion when the hub has a new commit", async () => {
    const before = await hubFolder("hf:owner/whole", { as: "model", hub: settings() });
    hub.models["owner/whole"] = { files: filesOf(join(local, "shards")) };
    const after = await hubFolder("hf:owner/whole", { as: "model", hub: settings() });
    expect(after.commit).not.toBe(before.commit);
    // The earlier one is found by its commit.
    const pinned = `hf:owner/whole@${before.commit}`;
    expect(await hubFolder(pinned, { as: "model", hub: { ...settings(), offline: true } })).toEqual(before);
  });

  it("leaves nothing half-made when it is stopped in the conversion", async () => {
    const controller = new AbortController();
    const onProgress = ({ stage }: { stage: string }): void => {
      if (stage === "converting") controller.abort();
    };
    const stopped = hubFolder("hf:owner/whole", {
      as: "model",
      hub: { ...settings(), onProgress },
      signal: controller.signal,
    });
    await expect(stopped).rejects.toMatchObject({ code: "aborted" });
    expect(readdirSync(join(cache, "owner--whole", "made"))).toEqual([]);
  });
});

describe("what is refused before gigabytes are downloaded", () => {
  const cases: [string, Record<string, Buffer | undefined>, string, RegExp][] = [
    [
      "pickles",
      { "model.safetensors": undefined },
      "unsupported",
      /only as a pickle \(pytorch_model\.bin\).*safetensors.*refs\/pr/,
    ],
    [
      "no weights",
      { "model.safetensors": undefined, "pytorch_model.bin": undefined },
      "not-found",
      /neither model\.safetensors nor/,
    ],
    ["no config", { "config.json": undefined }, "not-found", /has no config\.json/],
    ["an unknown family", { "config.json": Buffer.from('{"model_type":"mamba9"}') }, "unsupported", /mamba9/],
    ["a config that is no JSON", { "config.json": Buffer.from("<html>") }, "invalid-file", /config\.json is not JSON/],
    [
      "an index that leaves the folder",
      { "model.safetensors": undefined, "model.safetensors.index.json": Buffer.from('{"weight_map":{"a":"../../x"}}') },
      "invalid-file",
      /inside the model's folder/,
    ],
    [
      "a shard that is missing",
      {
        "model.safetensors": undefined,
        "model.safetensors.index.json": Buffer.from('{"weight_map":{"a":"b.safetensors"}}'),
      },
      "not-found",
      /shard b\.safetensors .* is missing/,
    ],
  ];
  it.each(cases)("%s", async (_, changes, code, message) => {
    const files = { ...hub.models["owner/whole"]?.files, ...changes };
    const present = Object.fromEntries(
      Object.entries(files).filter((each): each is [string, Buffer] => each[1] !== undefined),
    );
    hub.models["owner/whole"] = { files: present };
    const loading = loadModel(runtime, "hf:owner/whole", { hub: settings() });
    await expect(loading).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(downloads().filter((path) => path.endsWith(".safetensors"))).toEqual([]);
  });

  it("a name that is none, before anything is asked", async () => {
    await expect(loadModel(runtime, "hf:../../etc", { hub: settings() })).rejects.toMatchObject({
      code: "invalid-argument",
    });
    expect(hub.requests).toEqual([]);
  });
});

describe("a model folder of the hub", () => {
  it("is used as it is: one graph, no conversion", async () => {
    hub.models["dynamo/stories"] = { files: filesOf(stories) };
    const model = await loadModel(runtime, "hf:dynamo/stories", { hub: settings() });
    expect(model.info.tokenHeads).toBe(3);
    await model.dispose();
    expect(downloads().filter((path) => path.startsWith("onnx"))).toHaveLength(1);
    expect(readdirSync(join(cache, "dynamo--stories"))).not.toContain("made");
    await expect(hubFolder("hf:dynamo/stories", { as: "checkpoint", hub: settings() })).rejects.toMatchObject({
      code: "unsupported",
    });
    await expect(loadModel(runtime, "hf:dynamo/stories", { dtype: "fp16", hub: settings() })).rejects.toMatchObject({
      code: "unsupported",
    });
  });
});

it("names what the hub refuses through loadModel, too", async () => {
  hub.intercept = (_, response) => answerWith(response, 403, { "X-Error-Code": "GatedRepo" });
  await expect(loadModel(runtime, "hf:owner/whole", { hub: settings() })).rejects.toMatchObject({
    code: "invalid-argument",
    message: expect.stringMatching(/gated/),
  });
});
