/** A page that names a model of the hub, built by Vite with the packages as they are published. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hangLimit } from "@dynamo/build/vitest";
import { loadModel, neoxConfigJson, parseConfig, type NeoxSize } from "@dynamo/model";
import { convertCheckpoint, writeRandomCheckpoint } from "@dynamo/model/convert";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { answerWith, commitOf, filesOf, startFakeHub, type FakeHub } from "@dynamo/services/fake-hub";
import { chromium, type Browser, type Page } from "playwright";
import { build, createServer, transformWithOxc } from "vite";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { findChromium } from "./chromium.js";
import { publishedProject } from "./published.js";
import { example } from "./readme.js";
import { serveFolder } from "./static-server.js";
import { taskTimes, twentyMillionSines } from "./task-times.js";

const executablePath = findChromium();

/**
 * Loads the model that its address names and writes the ids of the likeliest tokens, and what loading did. `abort`: the stage at
 * whose beginning the caller's signal fires; `sines`: a long task of the page's own is run beside.
 */
const page = (endpoint: string): string => `
  import { loadModel } from "@dynamo/model";
  import { createWebRuntime } from "@dynamo/runtime-web";
  const asked = new URLSearchParams(location.search);
  const stages = new Set<string>();
  const stop = new AbortController();
  const onProgress = ({ stage, loaded }: { stage: string, loaded: number }) => {
    stages.add(stage);
    document.title = stage + " " + loaded;
    if (asked.get("abort") === stage) stop.abort();
  };
  const runtime = createWebRuntime({ device: "wasm" });
  const done = (value: unknown) => { document.body.textContent = JSON.stringify(value); };
  try {
    await runtime.device();
    performance.mark("begin");
    if (asked.has("sines")) ${twentyMillionSines}
    const options = { dtype: asked.get("dtype") ?? "fp32", hub: { endpoint: ${JSON.stringify(endpoint)}, onProgress }, signal: stop.signal };
    const model = await loadModel(runtime, asked.get("source") ?? "hf:owner/name", options as never);
    const cache = await model.createCache({ rows: 1 });
    const { candidates } = await model.forward(cache, [{ tokens: [1, 2, 3] }], { heads: 1, topK: 5 });
    done({ ids: [...(candidates[0]?.[0]?.[0]?.ids ?? [])], stages: [...stages] });
  } catch (error) {
    done({ error: String(error), code: (error as { code?: string }).code });
  }`;

interface Answer {
  readonly ids?: number[];
  readonly stages?: string[];
  readonly error?: string;
  readonly code?: string;
}

const config = (more: Partial<NeoxSize> = {}): ReturnType<typeof parseConfig> =>
  parseConfig(
    neoxConfigJson({
      ...{ vocabularySize: 64, hiddenSize: 32, layers: 2, attentionHeads: 2, contextLength: 32, rotaryPercent: 0.5 },
      ...more,
    }),
  );

describe.skipIf(executablePath === undefined)("a page with a model of the hub", () => {
  let browser: Browser;
  let hub: FakeHub;
  let local: string;
  let project: ReturnType<typeof publishedProject>;
  let server: Awaited<ReturnType<typeof serveFolder>>;
  /** What Node makes of the same checkpoint. */
  let ids: readonly number[];
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: executablePath ?? "", args: ["--no-sandbox"] });
    project = publishedProject();
    local = mkdtempSync(join(tmpdir(), "dynamo-hub-page-"));
    const checkpoint = async (name: string, options: Parameters<typeof writeRandomCheckpoint>[1]) => {
      await writeRandomCheckpoint(join(local, name), options);
      return filesOf(join(local, name));
    };
    const small = await checkpoint("small", { config: config(), shardBytes: 20_000 });
    const large = await checkpoint("large", { config: config({ vocabularySize: 2 ** 15, hiddenSize: 256 }) });
    hub = await startFakeHub({
      "owner/name": { files: small },
      "owner/large": { files: large },
      "owner/gated": { files: small, token: "hf_mine", gated: true },
      "owner/nan": { files: { ...(await checkpoint("nan", { config: config() })), ...withNaN(join(local, "nan")) } },
    });
    ids = await idsInNode();
    writeFileSync(join(project.folder, "main.ts"), page(hub.endpoint));
    writeFileSync(
      join(project.folder, "index.html"),
      '<!doctype html><link rel="icon" href="data:,"><body><script type="module" src="./main.ts"></script></body>',
    );
    await build({ root: project.folder, logLevel: "error", build: { target: "es2022" } });
    server = await serveFolder(join(project.folder, "dist"));
  });
  afterAll(async () => {
    await server.close();
    await browser.close();
    await hub.close();
    project.remove();
    rmSync(local, { recursive: true, force: true });
  });

  /** A visitor of their own: nothing is kept of others. */
  async function newVisitor(): Promise<{ readonly tab: Page; visit(query?: string): Promise<Answer> }> {
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    const tab = await context.newPage();
    return {
      tab,
      async visit(query = "") {
        await tab.goto(`${server.address}?${query}`);
        return answerOf(tab);
      },
    };
  }

  async function idsInNode(): Promise<number[]> {
    const runtime = createNodeRuntime({ device: "cpu" });
    await convertCheckpoint(join(local, "small"), join(local, "model"), { dtypes: ["fp32"] });
    const model = await loadModel(runtime, join(local, "model"));
    const cache = await model.createCache({ rows: 1 });
    const { candidates } = await model.forward(cache, [{ tokens: [1, 2, 3] }], { heads: 1, topK: 5 });
    await runtime.dispose();
    return [...(candidates[0]?.[0]?.[0]?.ids ?? [])];
  }

  test("converts it in memory, keeps the graph, and the next visit downloads no weights", async () => {
    const { tab, visit } = await newVisitor();
    const first = await visit();
    expect(first).toMatchObject({ ids, stages: expect.arrayContaining(["converting"]) });
    // The worker has ended, and its memory with it.
    expect(tab.workers().filter((worker) => worker.url().includes("conversion"))).toEqual([]);
    hub.requests.length = 0;
    const second = await visit();
    expect(second.ids).toEqual(first.ids);
    expect(second.stages).not.toContain("converting");
    expect(hub.requests.filter(({ server: from }) => from === "store")).toEqual([]);
  });

  test("converts a checkpoint at a web address in the worker, too", async () => {
    const { tab, visit } = await newVisitor();
    const started = new Promise((resolve) => {
      tab.on("worker", (worker) => {
        if (worker.url().includes("conversion")) resolve(worker.url());
      });
    });
    const commit = commitOf(hub.models["owner/name"] ?? { files: {} });
    const address = `${hub.endpoint}/owner/name/resolve/${commit}`;
    expect((await visit(`source=${encodeURIComponent(address)}`)).ids).toEqual(ids);
    expect(await started).toContain("conversion");
  });

  test("needs no bundler", async () => {
    const map = /<script type="importmap">[^]*?<\/script>/.exec(example("html"))?.[0] ?? "";
    const code = await transformWithOxc(page(hub.endpoint), "main.ts");
    writeFileSync(
      join(project.folder, "plain.html"),
      `<!doctype html>${map}<body><script type="module">${code.code}</script></body>`,
    );
    const plain = await serveFolder(project.folder);
    onTestFinished(() => plain.close());
    const { tab } = await newVisitor();
    await tab.goto(`${plain.address}plain.html`);
    expect(await answerOf(tab)).toMatchObject({ ids });
  });

  test("works in Vite's development server", async () => {
    const development = await createServer({
      root: project.folder,
      logLevel: "error",
      server: { port: 0, host: "127.0.0.1" },
    });
    onTestFinished(() => development.close());
    await development.listen();
    const { tab } = await newVisitor();
    await tab.goto(development.resolvedUrls?.local[0] ?? "");
    expect(await answerOf(tab)).toMatchObject({ ids });
  });

  // In units of work, which a slow or busy machine does not change: both are the page's thread's own time.
  test("no task of the page is long while a large embedding is converted", async () => {
    const times = async (more: string): Promise<number[]> => {
      const { tab, visit } = await newVisitor();
      return taskTimes(browser, tab, () => visit(`source=hf:owner/large&dtype=q4${more}`));
    };
    const [longest, sines] = [Math.max(...(await times(""))), Math.max(...(await times("&sines")))];
    process.stdout.write(
      `a page that converts: its longest task took ${longest.toFixed(1)} ms; 20 million sines ${sines.toFixed(1)} ms\n`,
    );
    expect(longest).toBeGreaterThan(0);
    expect(longest).toBeLessThan(sines / 4);
  });

  test("stops when the caller's signal fires, and begins again", async () => {
    const { tab, visit } = await newVisitor();
    for (const stage of ["downloading", "converting"]) {
      expect(await visit(`abort=${stage}`)).toMatchObject({ code: "aborted" });
      expect(tab.workers().filter((worker) => worker.url().includes("conversion"))).toEqual([]);
    }
    expect(await visit()).toMatchObject({ ids });
  });

  test("refuses a download whose content is another, and takes the right one then", async () => {
    const { visit } = await newVisitor();
    const wrong = Buffer.from(hub.models["owner/nan"]?.files["model.safetensors"] ?? []);
    wrong.writeUint8(1, wrong.length - 1);
    // Its header, asked for by a range, is right.
    hub.intercept = ({ server: from, headers }, response) =>
      from === "store" && headers.range === undefined && answerWith(response, 200, {}, wrong);
    onTestFinished(() => {
      hub.intercept = undefined;
    });
    expect(await visit("source=hf:owner/nan")).toMatchObject({
      code: "invalid-file",
      error: expect.stringMatching(/expected the content sha256 .* nothing of it was kept/),
    });
    hub.intercept = undefined;
    expect(await visit()).toMatchObject({ ids });
  });

  test("tells a gated model, and a hub that is down, from a wrong name", async () => {
    const { visit } = await newVisitor();
    expect(await visit("source=hf:owner/gated")).toMatchObject({
      code: "invalid-argument",
      error: expect.stringMatching(/gated/),
    });
    expect(await visit("source=hf:owner/absent")).toMatchObject({ code: "not-found" });
    expect(await visit("source=hf:../x")).toMatchObject({ code: "invalid-argument" });
  });

  test("says what is wrong with a checkpoint, with its code", async () => {
    const { visit } = await newVisitor();
    expect(await visit("source=hf:owner/nan")).toMatchObject({
      code: "invalid-file",
      error: expect.stringMatching(/expected finite weights, .*\[0\] is NaN/),
    });
  });

  test("is closed midway, and another tab goes on", async () => {
    const { tab } = await newVisitor();
    const address = `${server.address}?source=hf:owner/large&dtype=q8`;
    await tab.goto(address);
    await tab.waitForFunction(() => /^downloading \d{8}/.test(document.title), undefined, { timeout: hangLimit });
    const second = await tab.context().newPage();
    await tab.close();
    hub.requests.length = 0;
    await second.goto(address);
    await second.waitForFunction(() => document.title.startsWith("converting"), undefined, { timeout: hangLimit });
    expect(hub.requests.map(({ headers }) => headers.range)).toContainEqual(
      expect.stringMatching(/^bytes=[1-9]\d{6,}-$/),
    );
    const third = await second.context().newPage();
    await second.close();
    await third.goto(address);
    expect((await answerOf(third)).ids).toHaveLength(5);
  });

  test("is loaded by two tabs at once: one works, the other waits for it", async () => {
    const { tab, visit } = await newVisitor();
    const other = await tab.context().newPage();
    hub.requests.length = 0;
    await other.goto(`${server.address}?source=hf:owner/large&dtype=q8`);
    const [here, there] = await Promise.all([visit("source=hf:owner/large&dtype=q8"), answerOf(other)]);
    expect(here.ids).toEqual(there.ids);
    const whole = hub.requests.filter(({ server: from, headers }) => from === "store" && headers.range === undefined);
    expect(whole).toHaveLength(1);
  });
});

async function answerOf(tab: Page): Promise<Answer> {
  await tab.waitForFunction(() => document.body.innerText.startsWith("{"), undefined, { timeout: hangLimit });
  return JSON.parse(await tab.innerText("body")) as Answer;
}

/** A weight is NaN: float32, little-endian. */
function withNaN(folder: string): Record<string, Buffer> {
  const bytes = readFileSync(join(folder, "model.safetensors"));
  const header = bytes.readBigUInt64LE(0);
  const [first] = Object.values(
    JSON.parse(bytes.subarray(8, 8 + Number(header)).toString()) as Record<string, { data_offsets: [number, number] }>,
  ).filter(({ data_offsets: offsets }) => Array.isArray(offsets));
  bytes.writeFloatLE(Number.NaN, 8 + Number(header) + (first?.data_offsets[0] ?? 0));
  return { "model.safetensors": bytes };
}
