/** Data from a server of this process. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { downloadData } from "./download.js";

const rows = '{"query": "é"}\n'.repeat(2000);
let [server, address, folder]: [Server | undefined, string, string] = [undefined, "", ""];
let asked: string[] = [];

function respond(path: string, response: ServerResponse): void {
  if (path === "/none.jsonl") response.writeHead(404).end("no");
  else if (path === "/moved.jsonl") response.writeHead(302, { Location: "/rows.jsonl" }).end();
  else if (path === "/unsaid.jsonl") response.writeHead(200).end(rows);
  else if (path === "/broken.jsonl") {
    response.writeHead(200, { "Content-Length": 1_000_000 });
    response.write(rows, () => response.destroy());
  } else if (path === "/slow.jsonl") response.writeHead(200).write(rows);
  else response.writeHead(200, { "Content-Length": Buffer.byteLength(rows) }).end(rows);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-download-"));
  const made = createServer(({ url = "" }, response) => {
    asked.push(url);
    respond(url, response);
  });
  server = made;
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
});
beforeEach(() => {
  asked = [];
});
afterAll(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

const leftOver = (): string[] =>
  (readdirSync(folder, { recursive: true }) as string[]).filter((name) => name.endsWith(".partial"));

test("a file is asked for once, and its progress is told", async () => {
  const progress: (number | undefined)[][] = [];
  const options = { folder, onProgress: (...each: [number, number | undefined]) => progress.push(each) };
  const path = await downloadData(`${address}/rows.jsonl`, options);
  expect([readFileSync(path, "utf8"), basename(path)]).toEqual([rows, "rows.jsonl"]);
  const size = Buffer.byteLength(rows);
  expect(progress.at(-1)).toEqual([size, size]);
  expect(await downloadData(`${address}/rows.jsonl`, options)).toBe(path);
  expect(asked).toEqual(["/rows.jsonl"]);
  const other = await downloadData(`${address}/rows.jsonl?split=test`, { folder });
  expect(other).not.toBe(path);
  const moved = await downloadData(`${address}/moved.jsonl`, { folder });
  expect(readFileSync(moved, "utf8")).toBe(rows);
});

test.each([
  ["/none.jsonl", "not-found", /none\.jsonl: expected a file, received status 404/],
  ["/large.jsonl", "invalid-file", /expected at most 100 bytes/],
  ["/unsaid.jsonl", "invalid-file", /expected at most 100 bytes/],
  ["/broken.jsonl", "runtime", /the connection to .* broke off/],
])("%s leaves nothing behind", async (path, code, message) => {
  const options = { folder, ...(code === "invalid-file" ? { mostBytes: 100 } : {}) };
  const attempt = downloadData(address + path, options);
  await expect(attempt).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  expect(leftOver()).toEqual([]);
  await expect(downloadData(address + path, options)).rejects.toMatchObject({ code });
  expect(asked).toEqual([path, path]);
});

test("stopped by a signal, unreachable, and no folder", async () => {
  const abort = new AbortController();
  const onProgress = (): void => {
    abort.abort();
  };
  const options = { folder, signal: abort.signal, onProgress };
  await expect(downloadData(`${address}/slow.jsonl`, options)).rejects.toMatchObject({ code: "aborted" });
  expect(leftOver()).toEqual([]);
  await expect(downloadData("http://127.0.0.1:9/rows.jsonl", { folder })).rejects.toMatchObject({ code: "runtime" });
  writeFileSync(join(folder, "file"), "");
  const inFile = downloadData(`${address}/rows.jsonl`, { folder: join(folder, "file") });
  await expect(inFile).rejects.toMatchObject({ code: "invalid-argument" });
});

test.each(["file:///etc/rows.jsonl", "rows.jsonl", "http://host/", "http://host/rows.parquet", "http://host/.."])(
  "%s is no address of data",
  async (url) => {
    await expect(downloadData(url, { folder })).rejects.toMatchObject({ code: "invalid-argument" });
    expect(asked).toEqual([]);
  },
);
