import { urlFiles, type DownloadProgress } from "@dynamo/runtime-web";
import { beforeEach, expect, inject, test, vi } from "vitest";

const server = inject("fileServer");
const byteAt = (position: number): number => (position * 31 + Math.floor(position / 256)) % 256;
const requests = async (): Promise<string[]> => (await (await fetch(`${server}/requests`)).json()) as string[];
const control = (query = ""): Promise<Response> => fetch(`${server}/control${query}`);
const isRight = (bytes: Uint8Array, first = 0): boolean => bytes.every((byte, i) => byte === byteAt(first + i));

beforeEach(async () => {
  for (const name of await caches.keys()) await caches.delete(name);
  await control();
});

test("a file is downloaded with progress, and not a second time", async () => {
  const progress: DownloadProgress[] = [];
  const size = 9 * 2 ** 20 + 17;
  const path = `${size}.bin`;
  const files = urlFiles(`${server}/model`, { onProgress: (each) => progress.push(each) });
  expect(await files.size(path)).toBe(size);
  const bytes = await files.read(path, size);
  expect(bytes.length).toBe(size);
  expect(isRight(bytes)).toBe(true);
  expect(progress.at(-1)).toEqual({ file: path, loaded: size, total: size });
  expect(await requests()).toEqual([`HEAD /model/${path}`, `GET /model/${path}`]);

  await control();
  const again = urlFiles(`${server}/model/`);
  expect(isRight(await again.read(path, size))).toBe(true);
  const part = await again.readRange(path, 4 * 2 ** 20 - 3, 10);
  expect([part.length, isRight(part, 4 * 2 ** 20 - 3)]).toEqual([10, true]);
  expect(await requests()).toEqual([`HEAD /model/${path}`]);
});

test("a file whose size the server does not tell is not asked for again", async () => {
  for (const asked of [["HEAD", "GET"], ["HEAD"]]) {
    await control();
    const files = urlFiles(`${server}/unsized`);
    expect(await files.size("7000.bin")).toBe(7000);
    expect(isRight(await files.read("7000.bin", 7000))).toBe(true);
    expect((await requests()).map((request) => request.split(" ")[0])).toEqual(asked);
  }
});

test("what the cache holds is there without a network", async () => {
  const online = urlFiles(`${server}/model`);
  await online.read("1000.bin", 1000);
  expect(await online.size("absent.json")).toBeUndefined();
  const offline = urlFiles(`${server}/model`, { fetch: () => Promise.reject(new TypeError("Failed to fetch")) });
  expect(isRight(await offline.read("1000.bin", 1000))).toBe(true);
  expect(await offline.size("absent.json")).toBeUndefined();
  await expect(offline.size("2000.bin")).rejects.toMatchObject({ code: "runtime" });
});

const partsKept = async (): Promise<number> => {
  const urls = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()));
  return urls.flat().filter(({ url }) => url.includes("//parts.")).length;
};

test("the same content is kept once, whatever its address, and goes with the last one that has it", async () => {
  const [size, other] = [9 * 2 ** 20, 3 * 2 ** 20];
  // Parts of 4, 4 and 1 MiB, of which the first two are alike.
  for (const folder of ["model", "unsized"]) {
    expect(isRight(await urlFiles(`${server}/${folder}`).read(`${size}.bin`, size))).toBe(true);
    expect(await partsKept()).toBe(2);
  }
  // Another version at each address takes the place of the first.
  const changed: typeof fetch = (input, init) => fetch((input as string).replace(String(size), String(other)), init);
  await urlFiles(`${server}/model`, { fetch: changed }).read(`${size}.bin`, size);
  expect(await partsKept()).toBe(3);
  await urlFiles(`${server}/unsized`, { fetch: changed }).read(`${size}.bin`, size);
  expect(await partsKept()).toBe(1);
});

test("a download that breaks off goes on where it was", async () => {
  const size = 6 * 2 ** 20;
  await control(`?cut=${5 * 2 ** 20}`);
  const files = urlFiles(`${server}/model`);
  expect(isRight(await files.read(`${size}.bin`, size))).toBe(true);
  const [, , resumed] = await requests();
  expect(resumed).toMatch(/^GET .* bytes=[1-9]\d*-$/);
});

test("a download that was stopped goes on, on the next visit, after the parts that are there", async () => {
  const size = 9 * 2 ** 20;
  const stop = new AbortController();
  const stopped = urlFiles(`${server}/model`, {
    signal: stop.signal,
    onProgress: ({ loaded }) => {
      if (loaded > 5 * 2 ** 20) stop.abort();
    },
  });
  await expect(stopped.read(`${size}.bin`, size)).rejects.toMatchObject({ code: "aborted" });
  await control();
  expect(isRight(await urlFiles(`${server}/model`).read(`${size}.bin`, size))).toBe(true);
  expect((await requests())[1]).toMatch(new RegExp(`bytes=(${4 * 2 ** 20}|${8 * 2 ** 20})-$`));
});

test("without a cache, ranges are asked for and nothing is kept", async () => {
  const files = urlFiles(`${server}/model`, { cache: false });
  const part = await files.readRange("5000.bin", 100, 50);
  expect([part.length, isRight(part, 100)]).toEqual([50, true]);
  expect(await requests()).toEqual(["HEAD /model/5000.bin", "GET /model/5000.bin bytes=100-149"]);
  expect(await caches.keys()).toEqual([]);
});

test("a browser without room keeps nothing, says so once, and loads all the same", async () => {
  const put = vi.spyOn(Cache.prototype, "put").mockRejectedValue(new DOMException("Quota exceeded."));
  const reasons: string[] = [];
  const files = urlFiles(`${server}/model`, { onCacheFull: (reason) => reasons.push(reason) });
  for (const size of [3000, 4000]) expect(isRight(await files.read(`${size}.bin`, size))).toBe(true);
  expect(reasons).toEqual(["Quota exceeded."]);
  put.mockRestore();
  const { put: real } = Cache.prototype;
  // Room for the entry and the first part only.
  let room = 2;
  const half = vi.spyOn(Cache.prototype, "put").mockImplementation(function (this: Cache, ...entry) {
    return room-- > 0 ? real.apply(this, entry) : Promise.reject(new DOMException("Quota exceeded."));
  });
  const size = 5 * 2 ** 20;
  expect(isRight(await urlFiles(`${server}/model`).read(`${size}.bin`, size))).toBe(true);
  half.mockRestore();
  expect(await (await caches.open((await caches.keys())[0] ?? "")).keys()).toEqual([]);
  const open = vi.spyOn(CacheStorage.prototype, "open").mockRejectedValue(new DOMException("The storage is off."));
  const off = urlFiles(`${server}/model`, { onCacheFull: (reason) => reasons.push(reason) });
  expect(isRight(await off.read("5000.bin", 5000))).toBe(true);
  expect(reasons).toEqual(["Quota exceeded.", "The storage is off."]);
  open.mockRestore();
});

test("missing, too large and strange files are refused", async () => {
  const files = urlFiles(`${server}/model`, { maxBytes: 1000 });
  expect(await files.size("none.bin")).toBeUndefined();
  await expect(files.read("none.bin", 10)).rejects.toMatchObject({ code: "not-found" });
  await expect(files.read("1001.bin", 5000)).rejects.toMatchObject({
    code: "out-of-memory",
    message: expect.stringContaining("choose a smaller dtype or model") as string,
  });
  await expect(files.read("500.bin", 499)).rejects.toMatchObject({ code: "invalid-file" });
  await expect(files.read("../secret.bin", 10)).rejects.toMatchObject({ code: "invalid-file" });
  expect((await requests()).filter((request) => request.startsWith("GET"))).toEqual([]);
});
