/** Batches whose time is over, on a disk that is full, and uploads that come slowly. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { PGlite } from "@electric-sql/pglite";
import OpenAI, { APIError, toFile } from "openai";
import type { Batch } from "openai/resources/batches";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startServer, type RunningServer } from "./start-server.js";

let folder: string;
let server: RunningServer;
let client: OpenAI;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-batch-faults-"));
});
afterEach(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(options: object = {}): Promise<void> {
  server = await startServer({ options: { data: { folder }, ...options }, environment: { DATABASE_URL: "" } });
  client = new OpenAI({ baseURL: `${server.address}/v1`, apiKey: "none", maxRetries: 0 });
}

const upload = async (text: string): Promise<string> =>
  (await client.files.create({ file: await toFile(Buffer.from(text), "input.jsonl"), purpose: "batch" })).id;

const linesOf = (count: number, maxTokens: number): string =>
  Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      ...{ custom_id: `line-${i}`, method: "POST", url: "/v1/completions" },
      body: { prompt: "Once upon a time", max_tokens: maxTokens, seed: i },
    }),
  ).join("\n");

async function begin(inputFile: string): Promise<string> {
  const asked = { endpoint: "/v1/completions", completion_window: "1h" as "24h" } as const;
  return (await client.batches.create({ input_file_id: inputFile, ...asked })).id;
}

async function batchThat(id: string, wanted: (batch: Batch) => boolean): Promise<Batch> {
  for (;;) {
    const batch = await client.batches.retrieve(id);
    if (wanted(batch)) return batch;
    await delay(100);
  }
}

const contentOf = async (file: string | null | undefined): Promise<{ custom_id: string; error: unknown }[]> =>
  (await (await client.files.content(file ?? "none")).text())
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { custom_id: string; error: unknown });

test("a batch whose window is over keeps what was computed, and says of the rest that it expired", async () => {
  const count = 60;
  await start();
  const id = await begin(await upload(linesOf(count, 100)));
  await batchThat(id, ({ request_counts: counts }) => (counts?.completed ?? 0) >= 3);
  await server.stop();
  // Nobody waits an hour here.
  const database = await PGlite.create(join(folder, "database"));
  await database.query("UPDATE dynamo.batch SET expires_at = created_at WHERE id = $1", [id]);
  await database.close();
  await start();
  const batch = await batchThat(id, ({ status }) => status !== "in_progress" && status !== "finalizing");
  expect(batch.status).toBe("expired");
  expect(batch.expired_at).toBeGreaterThan(0);
  const [output, errors] = [await contentOf(batch.output_file_id), await contentOf(batch.error_file_id)];
  expect(output).toHaveLength(batch.request_counts?.completed ?? -1);
  expect(output.length).toBeGreaterThanOrEqual(3);
  expect(new Set([...output, ...errors].map((line) => line.custom_id)).size).toBe(count);
  expect(errors.length).toBeGreaterThan(0);
  for (const { error } of errors) expect(error).toMatchObject({ code: "batch_expired" });
});

/** So much of the request at once, and the rest byte by byte for so many milliseconds. */
async function dribble(request: string, milliseconds: number): Promise<string> {
  const { hostname, port } = new URL(server.address);
  const socket = connect(Number(port), hostname);
  let said = "";
  socket.on("data", (data) => (said += String(data)));
  socket.on("error", () => undefined);
  const closed = once(socket, "close");
  socket.write(request.slice(0, -20));
  for (const byte of request.slice(-20)) {
    await delay(milliseconds / 20);
    if (!socket.destroyed) socket.write(byte);
  }
  await closed;
  return said;
}

test("a body that dribbles in is refused in time, an upload is waited for", async () => {
  await start({ receiveSeconds: 1 });
  const head = "HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
  const json = JSON.stringify({ prompt: "Once", max_tokens: 4 });
  const slow = `POST /v1/completions ${head}content-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n${json}`;
  const parts = ['purpose"\r\n\r\nbatch', 'file"; filename="x.jsonl"\r\n\r\n{}'].map(
    (part) => `--b\r\ncontent-disposition: form-data; name="${part}\r\n`,
  );
  const form = `${parts.join("")}--b--\r\n`;
  const type = "content-type: multipart/form-data; boundary=b";
  const upload = `POST /v1/files ${head}${type}\r\ncontent-length: ${form.length}\r\n\r\n${form}`;
  const [refused, taken] = await Promise.all([dribble(slow, 4_000), dribble(upload, 4_000)]);
  expect(refused).toMatch(/^HTTP\/1\.1 408 .*"type":"invalid_request_error"/s);
  expect(taken).toMatch(/^HTTP\/1\.1 200 .*"purpose":"batch"/s);
});

/** A file system of 256 kB in the folder; false where none can be mounted. */
function mountSmallDisk(where: string): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", where], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
}

function fill(file: string): void {
  writeFileSync(file, "");
  for (const size of [4096, 1]) {
    try {
      for (;;) appendFileSync(file, "x".repeat(size));
    } catch {
      // No more of this size.
    }
  }
}

test("a full disk refuses an upload whole, and a batch waits for room for its files", async (context) => {
  const disk = join(folder, "files");
  await mkdir(disk);
  if (!mountSmallDisk(disk)) {
    context.skip("a small file system cannot be mounted here: batches on a full disk are not tested");
    return;
  }
  try {
    await start();
    const refused: unknown = await upload("x".repeat(500_000)).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(APIError);
    expect(refused).toMatchObject({ status: 507, code: "disk_full", type: "server_error" });
    expect(await readdir(disk)).toEqual([]);
    const input = await upload(linesOf(4, 8));
    fill(join(disk, "filler"));
    const id = await begin(input);
    await batchThat(id, ({ status }) => status === "finalizing");
    await delay(1_000);
    expect((await client.batches.retrieve(id)).status).toBe("finalizing");
    const asked = { model: "stories", prompt: "Once", max_tokens: 4 };
    expect((await client.completions.create(asked)).choices).toHaveLength(1);
    await rm(join(disk, "filler"));
    const batch = await batchThat(id, ({ status }) => status !== "finalizing");
    expect(batch).toMatchObject({ status: "completed", request_counts: { completed: 4, failed: 0 } });
    expect(await contentOf(batch.output_file_id)).toHaveLength(4);
  } finally {
    await server.stop();
    execFileSync("umount", [disk]);
  }
});
