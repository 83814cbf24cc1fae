/** Models over HTTP in Node: the embedded one, from a server on this machine that misbehaves where its address says so. */
import { readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { LanguageModel, Runtime } from "@dynamo/core";
import { createNodeRuntime, urlFiles } from "@dynamo/runtime-node";
import { modelPath } from "@dynamo/stories";
import { loadModel } from "../src/index.js";

const graph = "onnx/model_q8.onnx";
let runtime: Runtime;
let origin: string;
const asked: string[] = [];
const server = createServer((request, response) => {
  const [, manner = "", path = ""] = /^\/([^/]*)\/(.*)$/.exec(request.url ?? "") ?? [];
  const range = request.headers.range;
  asked.push(`${request.method ?? ""} ${path}${range === undefined ? "" : ` ${range}`}`);
  answer(manner, path, request, response);
});

beforeAll(async () => {
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
});

/** A static server with ranges. `pages`: HTML for what it lacks; `half`: bodies of half a file; `cut`: connections that break off. */
function answer(manner: string, path: string, { method, headers }: IncomingMessage, response: ServerResponse): void {
  const file = join(modelPath, path);
  if (manner === "none" || statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
    const page = manner === "pages" ? 200 : 404;
    response.writeHead(page, { "Content-Type": "text/html" }).end("<!doctype html>");
    return;
  }
  if (manner === "secret" && headers.authorization !== "Bearer key") {
    response.writeHead(401).end();
    return;
  }
  const bytes = readFileSync(file);
  const [, first, last = ""] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "") ?? [];
  const start = Number(first ?? 0);
  let part = bytes.subarray(start, last === "" ? bytes.length : Number(last) + 1);
  if (manner === "half" && method === "GET") part = part.subarray(0, part.length >> 1);
  const ranged =
    first === undefined ? {} : { "Content-Range": `bytes ${start}-${start + part.length - 1}/${bytes.length}` };
  response.writeHead(first === undefined ? 200 : 206, { ...ranged, "Content-Length": part.length, ETag: '"1"' });
  if (manner === "cut" && path === graph && method === "GET" && first === undefined)
    response.write(part.subarray(0, 1_000_000), () => setImmediate(() => response.destroy()));
  else response.end(method === "HEAD" ? undefined : part);
}

/** The three likeliest tokens after some. */
async function likeliest(model: LanguageModel): Promise<readonly number[]> {
  const cache = await model.createCache({ rows: 1, maxLength: 8 });
  try {
    const { candidates } = await model.forward(cache, [{ tokens: [5, 6, 7] }], { heads: 1, topK: 3 });
    return [...(candidates[0]?.[0]?.[0]?.ids ?? [])];
  } finally {
    await cache.dispose();
  }
}

test("an address is a model: the same one as its folder, each file downloaded once", async () => {
  const local = await loadModel(runtime, modelPath);
  const remote = await loadModel(runtime, `${origin}/model/`);
  try {
    expect(await likeliest(remote)).toEqual(await likeliest(local));
    expect(remote.tokenizer.encode("Once upon a time")).toEqual(local.tokenizer.encode("Once upon a time"));
    expect(remote.cooccurrence?.order).toBe(local.cooccurrence?.order);
  } finally {
    await local.dispose();
    await remote.dispose();
  }
  expect(asked.filter((request) => request === `GET ${graph}`)).toHaveLength(1);
  expect(new Set(asked).size).toBe(asked.length);
});

test("files of addresses: parts of them by ranges, with the caller's own fetch", async () => {
  const withKey: typeof fetch = (input, init) =>
    fetch(input, { ...init, headers: { ...(init?.headers as Record<string, string>), authorization: "Bearer key" } });
  const files = urlFiles(`${origin}/secret`, { fetch: withKey });
  expect(await files.size("tokenizer.json")).toBe(statSync(join(modelPath, "tokenizer.json")).size);
  const bytes = readFileSync(join(modelPath, graph));
  expect(Buffer.from(await files.readRange(graph, 1000, 24)).equals(bytes.subarray(1000, 1024))).toBe(true);
  expect(asked).toContain(`GET ${graph} bytes=1000-1023`);
  await expect(loadModel(runtime, `${origin}/secret`)).rejects.toMatchObject({
    code: "runtime",
    message: expect.stringContaining("401") as string,
  });
});

test("a connection that breaks off goes on where it was", async () => {
  const size = statSync(join(modelPath, graph)).size;
  const bytes = await urlFiles(`${origin}/cut`).read(graph, size);
  expect(Buffer.from(bytes).equals(readFileSync(join(modelPath, graph)))).toBe(true);
  expect(asked.at(-1)).toMatch(/^GET \S+ bytes=[1-9]\d*-$/);
});

test.each([
  ["none", "not-found", /no file config\.json: the server answers 404/],
  ["pages/deeper", "not-found", /no file config\.json: the server answers with a page of HTML/],
  ["half", "invalid-file", /config\.json: expected \d+ bytes, the server sent \d+/],
])("a server's folder /%s is refused as %s", async (folder, code, message) => {
  await expect(loadModel(runtime, `${origin}/${folder}/`)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message) as string,
  });
});

test("addresses that are none, servers that are not there, options that are not known", async () => {
  expect(() => urlFiles("models/a")).toThrow(/expected an absolute address, such as https:.*received "models\/a\/"/);
  expect(() => urlFiles({ "config.json": "/config.json" })).toThrow(/config\.json: expected an absolute address/);
  expect(() => urlFiles(origin, { onprogress: () => undefined } as object)).toThrow(/did you mean onProgress/);
  expect(() => urlFiles(undefined as unknown as string)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  // Nothing listens on port 1.
  await expect(loadModel(runtime, "http://127.0.0.1:1/model")).rejects.toMatchObject({
    code: "runtime",
    message: expect.stringMatching(/127\.0\.0\.1:1.*cannot be loaded/) as string,
  });
});

test("the caller's signal ends what is under way", async () => {
  const stopped = AbortSignal.abort();
  await expect(loadModel(runtime, `${origin}/model`, { signal: stopped })).rejects.toMatchObject({ code: "aborted" });
  expect(asked).toEqual([]);
  const stop = new AbortController();
  const files = urlFiles(`${origin}/model`, {
    signal: stop.signal,
    onProgress: ({ file }) => {
      if (file === graph) stop.abort();
    },
  });
  await expect(loadModel(runtime, files)).rejects.toMatchObject({ code: "aborted" });
});
