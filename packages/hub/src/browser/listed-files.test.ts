/** As a browser downloads: redirects are followed by `fetch`, files gather in a Cache Storage, here one in memory. */
import { createHash } from "node:crypto";
import { partBytes } from "@dynamo/core/url-files";
import { answerWith, commitOf, gitBlob, startFakeHub, type FakeHub, type Intercept } from "@dynamo/services/fake-hub";
import { memoryCacheStorage } from "@dynamo/services/memory-cache-storage";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { HubFile } from "../listing.js";
import type { HubOptions, HubProgress } from "../options.js";
import { browserListing } from "./browser-listing.js";
import { browserPlace } from "./browser-place.js";
import { browserModels, removeBrowserModel } from "./kept-models.js";
import { listedFiles, type ListedFiles } from "./listed-files.js";
import { streamHash } from "./stream-hash.js";

const bytes = (length: number, seed: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31 + seed + Math.floor(i / 256)) % 251));
// Two parts and a bit.
const size = 2 * partBytes + 1000;
const [first, second] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;
const files = { "config.json": bytes(700, 3), [first]: bytes(size, 1), [second]: bytes(partBytes, 2) };
const names = [first, second];

let hub: FakeHub;
let stored: Map<string, Uint8Array<ArrayBuffer>>;
beforeAll(async () => {
  hub = await startFakeHub();
});
beforeEach(() => {
  stored = new Map();
  vi.stubGlobal("caches", memoryCacheStorage(stored));
  hub.models["owner/name"] = { files };
});
afterEach(() => {
  vi.unstubAllGlobals();
  hub.requests.length = 0;
  hub.intercept = undefined;
});
afterAll(() => hub.close());

/** A visit: a new page, with pauses that take no time. */
async function visit(
  paths: readonly string[] = names,
  options: HubOptions = {},
  signal?: AbortSignal,
): Promise<ListedFiles> {
  const place = browserPlace({ endpoint: hub.endpoint, ...options }, signal);
  const quick = { ...place, access: { ...place.access, wait: () => Promise.resolve() } };
  const listing = await browserListing({ id: "owner/name", revision: "main" }, quick);
  return listedFiles(listing, paths, quick);
}

const asked = (): (string | undefined)[] =>
  hub.requests.filter(({ server }) => server === "store").map(({ headers }) => headers.range);

/** The first answers of the store to this file, in order. */
function atFirst(file: string, ...answers: Intercept[]): void {
  hub.intercept = (seen, response) => {
    if (seen.server !== "store" || !seen.path.includes(file)) return false;
    return answers.shift()?.(seen, response) ?? false;
  };
}

/** So many bytes of the file, then the connection breaks. */
const broken =
  (length: number): Intercept =>
  (_, response) => {
    response.writeHead(200, { "Content-Length": String(size) });
    response.write(files[first].subarray(0, length), () => setTimeout(() => response.destroy(), 20));
    return true;
  };

/** Compared byte by byte outside of `expect`, which takes minutes for megabytes. */
async function isWhole(listed: ListedFiles, path: typeof first): Promise<boolean> {
  return files[path].equals(await listed.read(path, 2 ** 30));
}

describe("what is downloaded into the browser's cache", () => {
  it("is whole, verified and in parts, and asked for once", async () => {
    const seen: HubProgress[] = [];
    const listed = await visit(names, { onProgress: (progress) => seen.push(progress) });
    expect(await listed.download()).toBe(true);
    expect(seen.at(-1)).toEqual({ stage: "downloading", loaded: size + partBytes, total: size + partBytes });
    hub.requests.length = 0;
    expect(await isWhole(listed, first)).toBe(true);
    expect(Buffer.from(await listed.readRange(first, partBytes - 5, 10))).toEqual(
      files[first].subarray(partBytes - 5, partBytes + 5),
    );
    expect(await (await visit(names, { offline: true })).download()).toBe(true);
    expect(hub.requests).toEqual([]);
  });

  it("goes on where a connection broke off, and where a page was closed", async () => {
    atFirst(first, broken(partBytes + 500));
    await (await visit()).download();
    expect(asked()).toContain(`bytes=${partBytes + 500}-`);
    stored.clear();
    hub.requests.length = 0;
    // A page that is closed keeps whole parts.
    const stop = new AbortController();
    atFirst(first, broken(partBytes + 500));
    const onProgress = ({ loaded }: HubProgress): void => {
      if (loaded > partBytes + 400) stop.abort();
    };
    await expect((await visit([first], { onProgress }, stop.signal)).download()).rejects.toMatchObject({
      code: "aborted",
    });
    const again = await visit([first]);
    await again.download();
    expect(asked()).toEqual([undefined, `bytes=${partBytes}-`]);
    expect(await isWhole(again, first)).toBe(true);
  });

  it("is refused where its content is another, and nothing of it is kept", async () => {
    const other = Buffer.from(files[first]);
    other[size - 1] = (other[size - 1] as number) ^ 1;
    atFirst(first, (_, response) => answerWith(response, 200, {}, other));
    await expect((await visit()).download()).rejects.toMatchObject({
      code: "invalid-file",
      message: expect.stringMatching(
        /expected the content sha256 [0-9a-f]{64}, received [0-9a-f]{64}: nothing of it was kept/,
      ),
    });
    const again = await visit();
    await again.download();
    expect(await isWhole(again, first)).toBe(true);
  });

  it("is downloaded once more where parts of two contents were put together", async () => {
    const other = bytes(size, 9);
    atFirst(first, (_, response) => {
      response.writeHead(200, { "Content-Length": String(size) });
      response.write(other.subarray(0, partBytes + 5), () => setTimeout(() => response.destroy(), 20));
      return true;
    });
    const listed = await visit();
    await listed.download();
    expect(await isWhole(listed, first)).toBe(true);
    expect(asked()).toContain(`bytes=${partBytes + 5}-`);
  });

  it("is refused where the parts never fit together", async () => {
    const other = bytes(size, 9);
    hub.intercept = ({ server, path, headers }, response) => {
      if (server !== "store" || !path.includes(first) || headers.range !== undefined) return false;
      response.writeHead(200);
      response.end(other.subarray(0, 100));
      return true;
    };
    await expect((await visit([first])).download()).rejects.toMatchObject({
      code: "invalid-file",
      message: expect.stringMatching(/expected the content sha256/),
    });
  });

  it("is refused when the server has another size, or ends early each time", async () => {
    atFirst(first, (_, response) => answerWith(response, 200, { "Content-Length": "10" }, "0123456789"));
    await expect((await visit()).download()).rejects.toMatchObject({
      code: "invalid-file",
      message: expect.stringMatching(`expected ${size} bytes`),
    });
    hub.intercept = ({ server, path }, response) => {
      if (server !== "store" || !path.includes(first)) return false;
      response.writeHead(200);
      response.end(files[first].subarray(0, 100));
      return true;
    };
    await expect((await visit()).download()).rejects.toMatchObject({
      code: "runtime",
      message: expect.stringMatching(`the server ended after 100 of ${size} bytes`),
    });
  });

  it("waits for a server that is busy, and gets a new address where one is too old", async () => {
    atFirst(
      first,
      (_, response) => answerWith(response, 503, {}),
      (_, response) => answerWith(response, 403, {}),
      (_, response) => answerWith(response, 429, { "Retry-After": "1" }),
      broken(100),
      (_, response) => answerWith(response, 416, {}),
    );
    const listed = await visit();
    await listed.download();
    expect(await isWhole(listed, first)).toBe(true);
  });

  it("is never a page of HTML", async () => {
    atFirst(first, (_, response) => answerWith(response, 200, { "Content-Type": "text/html" }, "<p>Log in"));
    await expect((await visit()).download()).rejects.toMatchObject({ code: "invalid-file", message: /page of HTML/ });
    hub.intercept = (_, response) => answerWith(response, 200, { "Content-Type": "text/html" }, "<p>Log in");
    stored.clear();
    await expect(visit()).rejects.toMatchObject({ code: "invalid-file", message: /received a page of HTML/ });
  });

  it("is nothing where the browser has no room: files are read into memory, verified, and ranges as they are", async () => {
    vi.stubGlobal("navigator", { storage: { estimate: () => Promise.resolve({ quota: 2 ** 20, usage: 0 }) } });
    const listed = await visit();
    expect(await listed.download()).toBe(false);
    expect(asked()).toEqual([]);
    expect(Buffer.from(await listed.readRange(first, size - 7, 7))).toEqual(files[first].subarray(size - 7));
    expect(asked()).toEqual([`bytes=${size - 7}-${size - 1}`]);
    expect(await isWhole(listed, first)).toBe(true);
    await expect(listed.readRange(first, size - 7, 8)).rejects.toMatchObject({ code: "invalid-file" });
    // A server without ranges.
    hub.intercept = ({ server }, response) => server === "store" && answerWith(response, 200, {}, files[first]);
    expect(Buffer.from(await listed.readRange(first, 5, 7))).toEqual(files[first].subarray(5, 12));
  });

  it("says where the cache ends in the middle", async () => {
    const storage = memoryCacheStorage(stored);
    const cache = await storage.open();
    const put: typeof cache.put = (key, response) =>
      stored.size > 3 ? Promise.reject(new Error("quota")) : cache.put(key, response);
    vi.stubGlobal("caches", { open: () => Promise.resolve({ ...cache, put }) });
    await expect((await visit([first])).download()).rejects.toMatchObject({
      code: "out-of-memory",
      message: expect.stringMatching(/the browser keeps no more than/),
    });
  });
});

it("small files are verified by Git's hash", async () => {
  hub.intercept = ({ path }, response) => path.endsWith("/config.json") && answerWith(response, 200, {}, bytes(700, 4));
  await expect((await visit(["config.json"])).read("config.json", 1000)).rejects.toMatchObject({
    code: "invalid-file",
    message: expect.stringMatching(`expected the content git-blob ${gitBlob(files["config.json"])}`),
  });
  hub.intercept = undefined;
  const listed = await visit(["config.json"]);
  expect(Buffer.from(await listed.read("config.json", 1000))).toEqual(files["config.json"]);
  await expect(listed.read("config.json", 10)).rejects.toMatchObject({ code: "invalid-file" });
  await expect(listed.read(first, 10)).rejects.toMatchObject({ code: "not-found" });
  expect(await listed.size(first)).toBeUndefined();
});

it("models are listed with sizes, and removed", async () => {
  hub.models["owner/other"] = { files };
  await (await visit()).download();
  const kept = { id: "owner/name", revisions: ["main"], downloaded: size + partBytes, made: 0 };
  expect(await browserModels()).toEqual([kept]);
  expect(await removeBrowserModel("owner/other")).toBe(0);
  await expect(removeBrowserModel("../x")).rejects.toMatchObject({ code: "invalid-argument" });
  expect(await removeBrowserModel("hf:owner/name")).toBeGreaterThan(size + partBytes);
  expect([await browserModels(), stored.size]).toEqual([[], 0]);
});

it("hashes are those of Node", () => {
  const content = bytes(100_000, 7);
  const file = (kind: HubFile["hash"]["kind"]): HubFile => ({
    path: "x",
    size: content.length,
    hash: { kind, hex: "" },
  });
  const digest = (kind: HubFile["hash"]["kind"]): string => {
    const hash = streamHash(file(kind));
    for (let at = 0; at < content.length; at += 777) hash.update(content.subarray(at, at + 777));
    return hash.digest();
  };
  expect(digest("sha256")).toBe(createHash("sha256").update(content).digest("hex"));
  expect(digest("git-blob")).toBe(gitBlob(content));
});

it("a listing's commit is the address of its files", async () => {
  await (await visit(["config.json"])).read("config.json", 1000);
  const commit = commitOf({ files });
  expect(hub.requests.map(({ path }) => path)).toContain(`/owner/name/resolve/${commit}/config.json`);
});
