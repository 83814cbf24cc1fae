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
const worker = /new Worker\(new URL\("(\.\/worker-\w+\.js)", import\.meta\.url\)/g;

/** Bytes of all chunks of an app with this entry, minified and compressed. */
async function compressed(code: string): Promise<number> {
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
  return output.output.reduce((sum, file) => sum + (file.type === "chunk" ? gzipSync(file.code).length : 0), 0);
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

test("a page that loads a model and generates text, with one worker, is less than 110 kB", async () => {
  const app = `
    import { generate } from "@dynamo/decode";
    import { loadModel } from "@dynamo/model";
    import { createWebRuntime, urlFiles } from "@dynamo/runtime-web";
    const model = await loadModel(createWebRuntime(), urlFiles("/model"));
    for await (const { text } of generate(model, "Once upon a time")) document.body.append(text);`;
  const all = await compressed(app);
  const webgpu = await compressed('import "./node_modules/@dynamo/runtime-web/dist/worker-webgpu.js";');
  process.stdout.write(`a page that generates: ${all} bytes, and ${webgpu} for a worker\n`);
  expect(all).toBeGreaterThan(10_000);
  expect(all + webgpu).toBeLessThan(110_000);
});
