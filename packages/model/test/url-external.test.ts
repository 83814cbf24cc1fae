/** Graphs whose weights lie in a second file, `<graph>_data`, over HTTP in Node: as models above 2 GB have them. */
import { cp, mkdtemp, readFile, rm, stat, truncate } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { createNodeRuntime, urlFiles } from "@dynamo/runtime-node";
import type { LanguageModel, Runtime } from "@dynamo/core";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { openCheckpoint } from "../src/checkpoint/checkpoint.js";
import { parseConfig } from "../src/architectures/config.js";
import { writeGraph } from "../src/convert/graph-file.js";
import { convertCheckpoint, nodeFolder, writeRandomCheckpoint } from "../src/convert.js";
import { buildGraph } from "../src/graph/graph.js";
import { loadModel } from "../src/index.js";
import { neoxConfigJson } from "../src/architectures/gpt-neox-size.js";

const graph = "onnx/model.onnx";
const data = `${graph}_data`;
const stray = `stray-${process.pid}.onnx`;
let folder: string;
let origin: string;
let runtime: Runtime;
const asked: string[] = [];
const at = (name: string): string => join(folder, name);

const server = createServer((request, response) => {
  asked.push(`${request.method ?? ""} ${request.url ?? ""}`);
  readFile(at(request.url ?? "")).then(
    (bytes) => {
      response.writeHead(200, { "Content-Length": bytes.length, ETag: '"1"' });
      response.end(request.method === "HEAD" ? undefined : bytes);
    },
    () => response.writeHead(404).end(),
  );
});

/** `inline` has its weights in the graph, `external` the same beside it, `missing` lost them, `short` has half of them. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-external-"));
  const size = { vocabularySize: 61, hiddenSize: 48, layers: 2, attentionHeads: 3, contextLength: 64, tokenHeads: 2 };
  const config = parseConfig(neoxConfigJson(size));
  await writeRandomCheckpoint(at("checkpoint"), { config, seed: 3 });
  await convertCheckpoint(at("checkpoint"), at("inline"));
  await cp(at("inline"), at("external"), { recursive: true });
  await rm(at(`external/${graph}`));
  const checkpoint = await openCheckpoint(nodeFolder(at("checkpoint")));
  const whole = buildGraph(config, { dtype: "fp32", activations: "fp32" }, (name) => checkpoint.read(name), {});
  await writeGraph(whole, at(`external/${graph}`), { external: true });
  // The same graph, but its weights' file has a name of its own.
  await writeGraph(whole, at(`named/${stray}`), { external: true });
  await checkpoint.close();
  await cp(at("inline"), at("stray"), { recursive: true });
  await cp(at(`named/${stray}`), at(`stray/${graph}`));
  for (const name of ["missing", "short"]) await cp(at("external"), at(name), { recursive: true });
  await rm(at(`missing/${data}`));
  await truncate(at(`short/${data}`), (await stat(at(`short/${data}`))).size >> 1);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  runtime = createNodeRuntime({ device: "cpu", threads: 1 });
});
beforeEach(() => {
  asked.length = 0;
});
afterAll(async () => {
  await runtime.dispose();
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

/** All heads' candidates after some tokens. */
async function candidates(model: LanguageModel): Promise<unknown> {
  const cache = await model.createCache({ rows: 1, maxLength: 8 });
  try {
    return (await model.forward(cache, [{ tokens: [5, 6, 7] }], { heads: 2, topK: 61 })).candidates;
  } finally {
    await cache.dispose();
    await model.dispose();
  }
}

test("an address gives the model that the folder gives, its weights downloaded once", async () => {
  // What is tested is that the weights are not in the graph.
  expect((await stat(at(`external/${data}`))).size).toBeGreaterThan((await stat(at(`external/${graph}`))).size);
  const inline = await candidates(await loadModel(runtime, at("inline")));
  expect(await candidates(await loadModel(runtime, at("external")))).toEqual(inline);
  expect(await candidates(await loadModel(runtime, `${origin}/external/`))).toEqual(inline);
  expect(asked.filter((request) => request === `GET /external/${data}`)).toHaveLength(1);
  expect(new Set(asked).size).toBe(asked.length);
});

test("a list of addresses needs the file beside the graph, too, wherever it lies", async () => {
  const list = (...names: string[]): Record<string, string> =>
    Object.fromEntries(names.map((name) => [name, `${origin}/external/${name}`]));
  const whole = await loadModel(runtime, urlFiles(list("config.json", graph, data)));
  expect(await candidates(whole)).toEqual(await candidates(await loadModel(runtime, at("inline"))));
  await expect(loadModel(runtime, urlFiles(list("config.json", graph)))).rejects.toMatchObject({
    code: "invalid-file",
    message: expect.stringContaining(data) as string,
  });
});

test("weights that are missing are said by name, and what lies in the working directory does not stand in for them", async () => {
  await expect(loadModel(runtime, at("missing"))).rejects.toMatchObject({
    code: "invalid-file",
    message: expect.stringContaining("model.onnx_data") as string,
  });
  await expect(loadModel(runtime, `${origin}/missing/`)).rejects.toMatchObject({
    code: "invalid-file",
    message: `${origin}/missing/: ${graph} has its weights in a file of their own: expected ${data}, received none`,
  });
  const decoy = resolve(basename(at(`${stray}_data`)));
  onTestFinished(() => rm(decoy));
  await cp(at(`external/${data}`), decoy);
  await expect(loadModel(runtime, `${origin}/stray/`)).rejects.toMatchObject({ code: "invalid-file" });
});

test("weights that are not whole are a damaged file, from a folder and from an address", async () => {
  for (const source of [at("short"), `${origin}/short/`]) {
    await expect(loadModel(runtime, source), source).rejects.toMatchObject({
      code: "invalid-file",
      message: expect.stringMatching(/External initializer: \S+ .*out of bounds/) as string,
    });
  }
});
