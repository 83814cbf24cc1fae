/** What the cache gives back, over a Cache Storage that loses and damages what the test says. */
import { memoryCacheStorage } from "@dynamo/services/memory-cache-storage";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { browserCache } from "./browser-cache.js";
import { partBytes, type FileCache } from "./file-cache.js";

const address = "https://example.org/model.onnx";
const size = partBytes + 3;
const first = new Uint8Array(partBytes).fill(1);
const second = Uint8Array.of(2, 3, 4);

let stored: Map<string, Uint8Array<ArrayBuffer>>;
let cache: FileCache;

beforeEach(async () => {
  stored = new Map();
  vi.stubGlobal("caches", memoryCacheStorage(stored));
  cache = browserCache() as FileCache;
  await store();
});
afterEach(() => vi.unstubAllGlobals());

async function store(): Promise<void> {
  for (const [index, bytes] of [first, second].entries()) await cache.storePart(address, "1", index, bytes);
  await cache.storeEnd(address, "1", size);
}

/** Changes a bit of the part that holds so many bytes. */
function damage(length: number): void {
  for (const [key, bytes] of stored) {
    if (!key.includes("parts") || bytes.length !== length) continue;
    const other = bytes.slice();
    other[1] = (other[1] as number) ^ 1;
    stored.set(key, other);
  }
}

async function partLengths(): Promise<number[]> {
  const lengths: number[] = [];
  for await (const { length } of cache.parts(address, "1")) lengths.push(length);
  return lengths;
}

test("parts and ranges are what was stored", async () => {
  expect(await partLengths()).toEqual([partBytes, 3]);
  expect(await cache.read(address, "1", partBytes - 1, size)).toEqual(Uint8Array.of(1, 2, 3, 4));
});

test("a part whose bytes are not those of its hash is not there, nor what comes after it", async () => {
  damage(3);
  expect(await cache.read(address, "1", partBytes - 1, size)).toBeUndefined();
  expect(await cache.read(address, "1", 0, 2)).toEqual(Uint8Array.of(1, 1));
  expect(await partLengths()).toHaveLength(1);
  damage(partBytes);
  expect(await partLengths()).toEqual([]);
});

test("a damaged part is stored anew", async () => {
  damage(3);
  expect(await partLengths()).toHaveLength(1);
  await store();
  expect(await cache.read(address, "1", partBytes, size)).toEqual(second);
});

test("all addresses are listed with what they take, and one that is removed leaves what others share", async () => {
  const other = "https://example.org/copy.onnx";
  await cache.storePart(other, "1", 0, first);
  expect(await cache.addresses()).toEqual([
    { address, bytes: size },
    { address: other, bytes: partBytes },
  ]);
  await cache.remove(other);
  expect(await cache.addresses()).toEqual([{ address, bytes: size }]);
  expect(await partLengths()).toEqual([partBytes, 3]);
  await cache.remove(address);
  expect(stored.size).toBe(0);
});

test("says that a part was not stored when the browser has no more room", async () => {
  const full = {
    match: () => undefined,
    put: () => Promise.reject(new Error("quota")),
    keys: () => [],
    delete: () => true,
  };
  vi.stubGlobal("caches", { open: () => Promise.resolve(full) });
  const reasons: string[] = [];
  const none = browserCache((reason) => reasons.push(reason));
  expect(await none?.storePart(address, "1", 0, first)).toBe(false);
  expect(reasons).toEqual(["quota"]);
});
