/** What the product adds to a page, ONNX Runtime's files apart. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { publishedProject } from "./published.js";

let project: ReturnType<typeof publishedProject>;
beforeAll(() => {
  project = publishedProject();
});
afterAll(() => {
  project.remove();
});

/** ONNX Runtime's files lie beside our workers. */
const onnxRuntime = /ort\.(wasm|webgpu)\.bundle\.min\.mjs$/;
const worker = /new Worker\(new URL\("(\.\/[\w-]+\.js)", import\.meta\.url\)/g;

/** Bytes of an app with this entry, minified and compressed: `first` of what its first file imports, `later` of what comes when it is needed. */
async function bundled(code: string): Promise<{ readonly first: number; readonly later: number }> {
  const entry = join(project.folder, "entry.js");
  writeFileSync(entry, code);
  const output = (await build({
    root: project.folder,
    configFile: false,
    logLevel: "error",
    // The workers are counted by themselves; as addresses they would be copied whole.
    plugins: [{ name: "workers-apart", transform: (source) => source.replaceAll(worker, 'new Worker("$1"') }],
    build: {
      write: false,
      minify: true,
      modulePreload: { polyfill: false },
      rolldownOptions: { input: entry, external: [onnxRuntime], preserveEntrySignatures: "strict" },
    },
  })) as Rolldown.RolldownOutput;
  const chunks = new Map(
    output.output.flatMap((file) => (file.type === "chunk" ? [[file.fileName, file] as const] : [])),
  );
  const first = new Set([...chunks.values()].filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName));
  for (const name of first) for (const each of chunks.get(name)?.imports ?? []) if (chunks.has(each)) first.add(each);
  const sum = { first: 0, later: 0 };
  for (const [name, { code }] of chunks) sum[first.has(name) ? "first" : "later"] += gzipSync(code).length;
  return sum;
}

async function compressed(code: string): Promise<number> {
  const { first, later } = await bundled(code);
  return first + later;
}

const page = 'export * from "@dynamo/decode"; export * from "@dynamo/runtime-web";';

test("decode, runtime-web and both of its workers are less than 60 kB", async () => {
  const pageBytes = await compressed(page);
  const wasm = await compressed('import "./node_modules/@dynamo/runtime-web/dist/worker-wasm.js";');
  const webgpu = await compressed('import "./node_modules/@dynamo/runtime-web/dist/worker-webgpu.js";');
  process.stdout.write(`decode and runtime-web: ${pageBytes} bytes, worker on wasm ${wasm}, on webgpu ${webgpu}\n`);
  // Smaller would mean that something was not counted.
  expect(Math.min(pageBytes, wasm, webgpu)).toBeGreaterThan(5_000);
  expect(pageBytes + wasm + webgpu).toBeLessThan(60_000);
});

test("a page that loads a model and generates text, with one worker, is less than 114 kB", async () => {
  const app = `
    import { generate } from "@dynamo/decode";
    import { loadModel } from "@dynamo/model";
    import { createWebRuntime, urlFiles } from "@dynamo/runtime-web";
    const model = await loadModel(createWebRuntime(), urlFiles("/model"));
    for await (const { text } of generate(model, "Once upon a time")) document.body.append(text);`;
  const { first, later } = await bundled(app);
  const webgpu = await compressed('import "./node_modules/@dynamo/runtime-web/dist/worker-webgpu.js";');
  const conversion = await compressed('import "./node_modules/@dynamo/model/dist/conversion-worker.js";');
  process.stdout.write(
    `a page that generates: ${first} bytes, ${webgpu} for a worker, ${later} when needed, ${conversion} for the worker that converts\n`,
  );
  expect(conversion).toBeGreaterThan(10_000);
  expect(conversion).toBeLessThan(60_000);
  expect(first).toBeGreaterThan(10_000);
  // The translator of a tokenizer's regular expressions.
  expect(later).toBeGreaterThan(10_000);
  // What reads a checkpoint and the hub's answers comes along, because bundlers take a package's file whole; what builds graphs does not.
  expect(first + webgpu).toBeLessThan(114_000);
});
