/** As a browser's page meets the hub, over a Cache Storage in memory; the runtime is Node's. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ModelFiles } from "@dynamo/core";
import { browserModels, removeBrowserModel } from "@dynamo/hub/browser";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { answerWith, commitOf, filesOf, startFakeHub, type FakeHub, type SeenRequest } from "@dynamo/services/fake-hub";
import { memoryCacheStorage } from "@dynamo/services/memory-cache-storage";
import { modelPath as stories } from "@dynamo/stories";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { hubConfig } from "../test/hub-config.js";
import { hubFiles } from "./browser-hub.js";
import { convertCheckpoint, writeRandomCheckpoint } from "./convert.js";
import type { SourceOptions } from "./folder/source-options.js";
import { loadModel, type HubOptions, type LoadedModel } from "./index.js";

const runtime = createNodeRuntime({ device: "cpu" });
let hub: FakeHub;
let local: string;
let stored: Map<string, Uint8Array<ArrayBuffer>>;
beforeAll(async () => {
  local = mkdtempSync(join(tmpdir(), "dynamo-browser-hub-"));
  await writeRandomCheckpoint(join(local, "checkpoint"), { config: hubConfig, shardBytes: 20_000 });
  await convertCheckpoint(join(local, "checkpoint"), join(local, "model"), { dtypes: ["q8"] });
  hub = await startFakeHub({
    "owner/name": { files: filesOf(join(local, "checkpoint")), license: "mit" },
    "dynamo/stories": { files: filesOf(stories) },
    "owner/pickle": {
      files: { "config.json": readFileSync(join(local, "checkpoint/config.json")), "a.bin": Buffer.from("x") },
    },
    "owner/private": { files: filesOf(join(local, "checkpoint")), token: "hf_mine" },
  });
});
beforeEach(() => {
  stored = new Map();
  vi.stubGlobal("caches", memoryCacheStorage(stored));
});
afterEach(() => {
  vi.unstubAllGlobals();
  hub.requests.length = 0;
});
afterAll(async () => {
  await hub.close();
  await runtime.dispose();
  rmSync(local, { recursive: true, force: true });
});

const options = (more: Partial<SourceOptions> & { readonly hub?: HubOptions } = {}): SourceOptions => ({
  as: "model",
  device: () => runtime.device(),
  ...more,
  hub: { endpoint: hub.endpoint, ...more.hub },
});

async function sizeOf(files: ModelFiles): Promise<number> {
  return ((await files.size("onnx/model_q8.onnx")) ?? 0) + ((await files.size("onnx/model_q8.onnx_data")) ?? 0);
}

async function candidatesOf(model: LoadedModel): Promise<unknown> {
  const cache = await model.createCache({ rows: 1 });
  const { candidates } = await model.forward(cache, [{ tokens: [1, 2, 3] }], { heads: 1, topK: 5 });
  await cache.dispose();
  return candidates;
}

describe("a checkpoint of the hub in a browser", () => {
  it("is converted in memory: the same model as from a folder", async () => {
    const stages = new Set<string>();
    const onProgress = ({ stage }: { readonly stage: string }): void => void stages.add(stage);
    const files = await hubFiles("hf:owner/name", options({ hub: { onProgress } }));
    const [here, there] = [await loadModel(runtime, files), await loadModel(runtime, join(local, "model"))];
    try {
      expect([here.dtype, stages.has("converting")]).toEqual(["q8", true]);
      expect(await candidatesOf(here)).toEqual(await candidatesOf(there));
    } finally {
      await here.dispose();
      await there.dispose();
    }
  });

  it("takes the place of the checkpoint, whose weights were verified", async () => {
    const files = await hubFiles("hf:owner/name", options());
    const kept = [...stored.keys()].map((key) => decodeURIComponent(decodeURIComponent(key)));
    expect(kept.filter((key) => key.includes("/made/"))).toHaveLength(2);
    expect(kept.filter((key) => key.endsWith(".safetensors"))).toEqual([]);
    expect(await browserModels()).toMatchObject([{ id: "owner/name", made: await sizeOf(files) }]);
    expect(await removeBrowserModel("owner/name")).toBeGreaterThan(0);
    expect(stored.size).toBe(0);

    const store = ({ server, headers }: SeenRequest): boolean => server === "store" && headers.range === undefined;
    hub.intercept = (seen, response) => store(seen) && answerWith(response, 200, {}, Buffer.alloc(10));
    await expect(hubFiles("hf:owner/name", options())).rejects.toMatchObject({ code: "invalid-file" });
    hub.intercept = undefined;
  });

  it("is kept: the next visit converts and downloads nothing, and needs no network", async () => {
    await hubFiles("hf:owner/name", options());
    hub.requests.length = 0;
    const stages = new Set<string>();
    const onProgress = ({ stage }: { readonly stage: string }): void => void stages.add(stage);
    const files = await hubFiles("hf:owner/name", options({ hub: { offline: true, onProgress, fetch: unreachable } }));
    expect([await files.size("onnx/model_q8.onnx"), stages.has("converting"), hub.requests]).toEqual([
      expect.any(Number),
      false,
      [],
    ]);
    await expect(hubFiles("hf:owner/other", options({ hub: { offline: true } }))).rejects.toMatchObject({
      code: "not-found",
    });
  });

  it("is converted again when a kept part is lost", async () => {
    await hubFiles("hf:owner/name", options());
    for (const key of stored.keys()) if (key.includes("parts")) stored.delete(key);
    const files = await hubFiles("hf:owner/name", options());
    expect((await files.read("onnx/model_q8.onnx", 2 ** 30)).length).toBe(await files.size("onnx/model_q8.onnx"));
  });

  it("is not kept where the tab has no room, and loads all the same", async () => {
    vi.stubGlobal("navigator", { storage: { estimate: () => Promise.resolve({ quota: 1000, usage: 900 }) } });
    const files = await hubFiles("hf:owner/name", options());
    expect(await files.size("onnx/model_q8.onnx_data")).toBeGreaterThan(1000);
    const kept = [...stored.keys()].filter((key) => decodeURIComponent(decodeURIComponent(key)).includes("made"));
    expect(kept).toEqual([]);
  });

  it("is downloaded by a fetch of the caller's own", async () => {
    const asked: string[] = [];
    const own: typeof fetch = (input, init) => {
      asked.push(input instanceof Request ? input.url : input.toString());
      return fetch(input, init);
    };
    await hubFiles("hf:owner/name", options({ hub: { fetch: own } }));
    expect(asked.filter((address) => address.endsWith(".safetensors")).length).toBeGreaterThan(1);
  });

  it("is refused before its weights are read where the device has no memory for it", async () => {
    const device = () => Promise.resolve({ device: "wasm", reason: "a test", memory: 1000 } as const);
    await expect(hubFiles("hf:owner/name", options({ device }))).rejects.toMatchObject({ code: "out-of-memory" });
    expect(hub.requests.filter(({ server, headers }) => server === "store" && headers.range === undefined)).toEqual([]);
  });

  it.each([
    ["files outside", { a: "../../x.safetensors" }, /inside the model's folder/],
    [
      "10,000 shards",
      Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`t${i}`, `${i}.safetensors`])),
      /1024 shards/,
    ],
    ["shards that are not there", { a: "absent.safetensors" }, /absent\.safetensors .*missing/],
    ["no files", {}, /weight_map/],
  ])("is refused before weights are asked for when its index names %s", async (_, weightMap, message) => {
    const { files } = hub.models["owner/name"] as { readonly files: Record<string, Buffer> };
    const index = Buffer.from(JSON.stringify({ weight_map: weightMap }));
    hub.models["owner/hostile"] = { files: { ...files, "model.safetensors.index.json": index } };
    const refused = { message: expect.stringMatching(message) };
    await expect(hubFiles("hf:owner/hostile", options())).rejects.toMatchObject(refused);
    expect(hub.requests.filter(({ server }) => server === "store")).toEqual([]);
  });

  it("is refused as in Node: pickles, names, private models", async () => {
    await expect(hubFiles("hf:owner/pickle", options())).rejects.toMatchObject({ code: "unsupported" });
    await expect(hubFiles("hf:../x", options())).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(hubFiles("hf:owner/private", options())).rejects.toMatchObject({ code: "not-found" });
    // The hub lists a gated model's files to everybody.
    hub.intercept = ({ path }, response) =>
      path.includes("/resolve/") && answerWith(response, 403, { "X-Error-Code": "GatedRepo" });
    await expect(hubFiles("hf:owner/name", options())).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringMatching(/gated/),
    });
    hub.intercept = undefined;
    const files = await hubFiles("hf:owner/private", options({ hub: { token: "hf_mine" } }));
    expect(await files.size("onnx/model_q8.onnx")).toBeGreaterThan(0);
  });
});

it("a model folder of the hub is used as it is", async () => {
  const files = await hubFiles("hf:dynamo/stories", options());
  const model = await loadModel(runtime, files);
  expect(model.info.tokenHeads).toBe(3);
  await model.dispose();
});

it("a checkpoint at a web address is converted in memory, too", async () => {
  const commit = commitOf(hub.models["owner/name"] ?? { files: {} });
  const here = await loadModel(runtime, `${hub.endpoint}/owner/name/resolve/${commit}`, { dtype: "q8" });
  const there = await loadModel(runtime, join(local, "model"));
  expect(await candidatesOf(here)).toEqual(await candidatesOf(there));
  await here.dispose();
  await there.dispose();
});

const unreachable = (): Promise<Response> => Promise.reject(new TypeError("Failed to fetch"));
