/** A disk that fills in the middle of a download or a conversion: a small file system in memory, where one can be mounted. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Runtime } from "@dynamo/core";
import { keptModels } from "@dynamo/hub/node";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { filesOf, startFakeHub, type FakeHub } from "@dynamo/services/fake-hub";
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from "vitest";
import { convertCheckpoint, writeRandomCheckpoint } from "../src/convert.js";
import { loadModel, neoxConfigJson, parseConfig, type LoadedModel } from "../src/index.js";
import { hubConfig } from "./hub-config.js";

const mount = (...args: string[]): boolean => spawnSync("mount", ["-t", "tmpfs", ...args]).status === 0;
const local = mkdtempSync(join(tmpdir(), "dynamo-full-disk-"));
const disk = mkdtempSync(join(tmpdir(), "dynamo-small-disk-"));
const resize = (size: string): boolean => spawnSync("mount", ["-o", `remount,size=${size}`, disk]).status === 0;
const canMount = process.platform === "linux" && mount("-o", "size=2m", "tmpfs", disk);
if (canMount) spawnSync("umount", [disk]);
else it.skip("skipped: a file system in memory cannot be mounted here", () => undefined);

/** 2.6 MB of weights. */
const large = parseConfig(
  neoxConfigJson({
    vocabularySize: 1000,
    hiddenSize: 128,
    layers: 2,
    attentionHeads: 2,
    contextLength: 32,
    rotaryPercent: 0.5,
  }),
);
const isFull = { code: "runtime", message: expect.stringContaining("the disk is full (ENOSPC)") as unknown };
/** Every file, without the folders. */
const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));

describe.skipIf(!canMount)("a disk of 2 MB", () => {
  let runtime: Runtime;
  let hub: FakeHub;
  beforeAll(async () => {
    runtime = createNodeRuntime({ device: "cpu" });
    hub = await startFakeHub();
    await writeRandomCheckpoint(join(local, "large"), { config: large });
    await writeRandomCheckpoint(join(local, "small"), { config: hubConfig });
    hub.models["owner/large"] = { files: filesOf(join(local, "large")) };
  });
  beforeEach(() => expect(mount("-o", "size=2m", "tmpfs", disk)).toBe(true));
  afterEach(() => {
    spawnSync("umount", [disk]);
    hub.requests.length = 0;
  });
  afterAll(async () => {
    await runtime.dispose();
    await hub.close();
    for (const folder of [disk, local]) rmSync(folder, { recursive: true, force: true });
  });
  const settings = (): { endpoint: string; cache: string; token: string } => ({
    endpoint: hub.endpoint,
    cache: disk,
    token: "none-needed",
  });

  it("is left empty by a conversion that does not fit", async () => {
    const conversion = convertCheckpoint(join(local, "large"), join(disk, "model"), { dtypes: ["fp32"] });
    await expect(conversion).rejects.toMatchObject(isFull);
    expect(readdirSync(disk)).toEqual([]);
  });

  it("keeps the model that a conversion that does not fit would have replaced", async () => {
    await convertCheckpoint(join(local, "small"), join(disk, "model"), { dtypes: ["fp32"] });
    const replacement = convertCheckpoint(join(local, "large"), join(disk, "model"), {
      dtypes: ["fp32"],
      overwrite: true,
    });
    await expect(replacement).rejects.toMatchObject(isFull);
    expect(readdirSync(disk)).toEqual(["model"]);
    const model = await loadModel(runtime, join(disk, "model"));
    expect(model.info.vocabularySize).toBe(64);
    await model.dispose();
  });

  it("refuses a download that it has no room for, before it begins", async () => {
    const download = loadModel(runtime, "hf:owner/large", { dtype: "fp32", hub: settings() });
    await expect(download).rejects.toThrow(/the disk has 2\.\d MB free, the download needs 2\.6 MB/);
  });

  it("goes on with a download where it ended, once there is room", async () => {
    expect(resize("4m")).toBe(true);
    const filler = join(disk, "of-somebody-else");
    hub.intercept = ({ server }) => {
      // The hub has answered, and the weights are on their way.
      if (server === "store") writeFileSync(filler, Buffer.alloc(2_500_000));
      return false;
    };
    const load = (offline = false): Promise<LoadedModel> =>
      loadModel(runtime, "hf:owner/large", { dtype: "fp32", hub: { ...settings(), offline } });
    await expect(load()).rejects.toMatchObject(isFull);
    hub.intercept = undefined;
    const kept = filesIn(disk);
    // What is whole has its name; what is not has none that anybody would read.
    expect(kept.some((path) => path.endsWith("config.json"))).toBe(true);
    expect(kept.some((path) => path.endsWith("model.safetensors"))).toBe(false);
    expect((await keptModels({ cache: disk })).flatMap(({ made }) => made)).toEqual([]);
    await expect(load(true)).rejects.toMatchObject({ code: "not-found" });

    rmSync(filler);
    expect(resize("16m")).toBe(true);
    hub.requests.length = 0;
    const model = await load();
    expect(model.info.vocabularySize).toBe(1000);
    await model.dispose();
    const ranges = hub.requests.flatMap(({ headers }) => headers.range ?? []);
    expect(ranges.some((range) => Number(/^bytes=(\d+)-$/.exec(range)?.[1]) > 100_000)).toBe(true);
    expect(hub.requests.some(({ path }) => path.endsWith("/config.json"))).toBe(false);
  });

  it("keeps a download when its conversion does not fit", async () => {
    const weights = statSync(join(local, "large/model.safetensors")).size;
    expect(resize(String(weights + 2 ** 20))).toBe(true);
    await expect(loadModel(runtime, "hf:owner/large", { dtype: "fp32", hub: settings() })).rejects.toMatchObject(
      isFull,
    );
    expect(filesIn(disk).filter((path) => path.includes("onnx") || path.includes(".partial"))).toEqual([]);
    expect(resize("16m")).toBe(true);
    hub.requests.length = 0;
    const model = await loadModel(runtime, "hf:owner/large", { dtype: "fp32", hub: settings() });
    await model.dispose();
    expect(hub.requests.filter(({ path }) => path.includes("/resolve/"))).toEqual([]);
  });
});
