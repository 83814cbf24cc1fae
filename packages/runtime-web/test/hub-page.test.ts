/** A page that names a model of the hub, built by Vite with the packages as they are published. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hangLimit } from "@dynamo/build/vitest";
import { loadModel, neoxConfigJson, parseConfig } from "@dynamo/model";
import { convertCheckpoint, writeRandomCheckpoint } from "@dynamo/model/convert";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { filesOf, startFakeHub, type FakeHub } from "@dynamo/services/fake-hub";
import { chromium, type Browser } from "playwright";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { findChromium } from "./chromium.js";
import { publishedProject } from "./published.js";
import { serveFolder } from "./static-server.js";

const executablePath = findChromium();

/** Writes the ids of the likeliest tokens, and what loading did. */
const page = (endpoint: string): string => `
  import { loadModel } from "@dynamo/model";
  import { createWebRuntime } from "@dynamo/runtime-web";
  const stages = new Set<string>();
  const hub = { endpoint: ${JSON.stringify(endpoint)}, onProgress: ({ stage }: { stage: string }) => void stages.add(stage) };
  const runtime = createWebRuntime({ device: "wasm" });
  const done = (value: unknown) => { document.body.textContent = JSON.stringify(value); };
  try {
    const model = await loadModel(runtime, "hf:owner/name", { dtype: "fp32", hub });
    const cache = await model.createCache({ rows: 1 });
    const { candidates } = await model.forward(cache, [{ tokens: [1, 2, 3] }], { heads: 1, topK: 5 });
    done({ ids: [...(candidates[0]?.[0]?.[0]?.ids ?? [])], stages: [...stages] });
  } catch (error) {
    done({ error: String(error) });
  }`;

describe.skipIf(executablePath === undefined)("a page with a model of the hub", () => {
  let browser: Browser;
  let hub: FakeHub;
  let checkpoint: string;
  let project: ReturnType<typeof publishedProject>;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: executablePath ?? "", args: ["--no-sandbox"] });
    project = publishedProject();
    checkpoint = mkdtempSync(join(tmpdir(), "dynamo-hub-page-"));
    const size = {
      vocabularySize: 64,
      hiddenSize: 32,
      layers: 2,
      attentionHeads: 2,
      contextLength: 32,
      rotaryPercent: 0.5,
    };
    await writeRandomCheckpoint(checkpoint, { config: parseConfig(neoxConfigJson(size)), shardBytes: 20_000 });
    hub = await startFakeHub({ "owner/name": { files: filesOf(checkpoint) } });
  });
  /** What Node makes of the same checkpoint. */
  async function idsInNode(): Promise<number[]> {
    const runtime = createNodeRuntime({ device: "cpu" });
    await convertCheckpoint(checkpoint, join(checkpoint, "model"), { dtypes: ["fp32"] });
    const model = await loadModel(runtime, join(checkpoint, "model"));
    const cache = await model.createCache({ rows: 1 });
    const { candidates } = await model.forward(cache, [{ tokens: [1, 2, 3] }], { heads: 1, topK: 5 });
    await runtime.dispose();
    return [...(candidates[0]?.[0]?.[0]?.ids ?? [])];
  }

  afterAll(async () => {
    await browser.close();
    await hub.close();
    project.remove();
    rmSync(checkpoint, { recursive: true, force: true });
  });

  test("converts it in memory, keeps the graph, and the next visit downloads no weights", async () => {
    writeFileSync(join(project.folder, "main.ts"), page(hub.endpoint));
    writeFileSync(
      join(project.folder, "index.html"),
      '<!doctype html><link rel="icon" href="data:,"><body><script type="module" src="./main.ts"></script></body>',
    );
    await build({ root: project.folder, logLevel: "error", build: { target: "es2022" } });
    const server = await serveFolder(join(project.folder, "dist"));
    onTestFinished(() => server.close());
    const tab = await browser.newPage();
    onTestFinished(() => tab.close());
    const visit = async (): Promise<unknown> => {
      await tab.goto(server.address);
      await tab.waitForFunction(() => document.body.innerText.startsWith("{"), undefined, { timeout: hangLimit });
      return JSON.parse(await tab.innerText("body")) as unknown;
    };
    const first = await visit();
    expect(first).toMatchObject({
      ids: await idsInNode(),
      stages: expect.arrayContaining(["converting"]),
    });
    const ranges = hub.requests.filter(({ server: from, headers }) => from === "store" && headers.range !== undefined);
    expect(ranges.length).toBeGreaterThan(0);
    hub.requests.length = 0;
    const second = (await visit()) as { readonly ids: number[]; readonly stages: string[] };
    expect(second.ids).toEqual((first as typeof second).ids);
    expect(second.stages).not.toContain("converting");
    expect(hub.requests.filter(({ headers }) => headers.range !== undefined)).toEqual([]);
  });
});
