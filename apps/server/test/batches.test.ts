/** Files and batches with the openai package, against the real server, killed where it hurts. */
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { modelPath } from "@dynamo/stories";
import { loadTokenizer } from "@dynamo/tokenizer";
import OpenAI, { toFile } from "openai";
import type { Batch } from "openai/resources/batches";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startServer, type RunningServer, type StartOptions } from "./start-server.js";

/** Writes one token again and again, as often per pass as a request's topK says. */
const repeats =
  "export default ({ token = 5, topK = 1 }) => ({ name: 'repeats', heads: 1, step: () => ({ tokens: Array(topK).fill(token) }) });";

let folder: string;
let server: RunningServer;
let client: OpenAI;
const start = async (options: object = {}, environment: StartOptions["environment"] = {}): Promise<void> => {
  server = await startServer({
    options: {
      data: { folder, ...options },
      logLevel: "info",
      // As `dynamo serve --strategy repeats=MODULE --strategy-options 'repeats={"token": 300}'` gives it.
      models: {
        stories: { plugins: [{ name: "repeats", module: join(folder, "repeats.mjs"), options: { token: 300 } }] },
      },
    },
    environment: { DATABASE_URL: "", ...environment },
  });
  client = new OpenAI({ baseURL: `${server.address}/v1`, apiKey: "none", maxRetries: 0 });
};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-batches-"));
  await writeFile(join(folder, "repeats.mjs"), repeats);
  await start();
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

interface OutputLine {
  readonly custom_id: string;
  readonly response: {
    status_code: number;
    body: OpenAI.Completion & { error?: { code: string; param: string } };
  } | null;
  readonly error: { code: string } | null;
}

const lineOf = (i: number, body: object = {}): object => ({
  custom_id: `line-${i}`,
  method: "POST",
  url: "/v1/completions",
  body: { model: "stories", prompt: "Once upon a time", max_tokens: 8, seed: i, ...body },
});
const upload = async (lines: readonly (object | string)[]): Promise<OpenAI.FileObject> => {
  const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
  return client.files.create({ file: await toFile(Buffer.from(text), "input.jsonl"), purpose: "batch" });
};
const create = async (lines: readonly (object | string)[]): Promise<Batch> =>
  client.batches.create({
    input_file_id: (await upload(lines)).id,
    endpoint: "/v1/completions",
    completion_window: "24h",
  });
const until = async (id: string, wanted: (batch: Batch) => boolean): Promise<Batch> => {
  for (;;) {
    const batch = await client.batches.retrieve(id);
    if (wanted(batch)) return batch;
    await delay(100);
  }
};
const ended = ({ status }: Batch): boolean => ["completed", "failed", "expired", "cancelled"].includes(status);
const read = async (id: string | null | undefined): Promise<OutputLine[]> => {
  const text = await (await client.files.content(id ?? "none")).text();
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as OutputLine);
};

describe("/v1/files", () => {
  test("a file is kept, listed, read, and deleted", async () => {
    const file = await upload([lineOf(1)]);
    expect(file).toMatchObject({ object: "file", filename: "input.jsonl", purpose: "batch", status: "processed" });
    expect(await client.files.retrieve(file.id)).toEqual(file);
    expect((await client.files.list({ limit: 1 })).data).toEqual([file]);
    const all = [];
    for await (const each of client.files.list({ limit: 1 })) all.push(each.id);
    expect(all).toContain(file.id);
    expect(await (await client.files.content(file.id)).text()).toBe(JSON.stringify(lineOf(1)));
    expect(await client.files.delete(file.id)).toEqual({ id: file.id, object: "file", deleted: true });
    await expect(client.files.retrieve(file.id)).rejects.toMatchObject({ status: 404, code: "file_not_found" });
  });

  test("what is no batch's file is refused by name, and nothing is left of it", async () => {
    const before = await readdir(join(folder, "files"));
    const file = await toFile(Buffer.from("{}"), "x.jsonl");
    await expect(client.files.create({ file, purpose: "fine-tune" })).rejects.toMatchObject({ param: "purpose" });
    await expect(
      client.files.create({ file, purpose: "batch", expires_after: { anchor: "created_at", seconds: 3600 } }),
    ).rejects.toMatchObject({ status: 400, param: "expires_after[anchor]" });
    // A part may be JSON: then it is no text.
    const body = [
      'file"; filename="x.jsonl"\r\n\r\n{}',
      'purpose"\r\ncontent-type: application/json\r\n\r\n{"toString":1}',
    ]
      .map((part) => `--b\r\ncontent-disposition: form-data; name="${part}\r\n`)
      .join("");
    const json = await fetch(`${server.address}/v1/files`, {
      ...{ method: "POST", headers: { "content-type": "multipart/form-data; boundary=b" }, body: `${body}--b--\r\n` },
    });
    expect([json.status, await json.text()]).toEqual([400, expect.stringContaining("purpose: expected batch")]);
    const answer = await fetch(`${server.address}/v1/files`, { method: "POST", body: new URLSearchParams({ a: "b" }) });
    expect(answer.status).toBe(415);
    for (const id of ["file-../../etc/passwd", "file-%2e%2e%2fx", "..%2f..%2fetc%2fpasswd"])
      expect((await fetch(`${server.address}/v1/files/${id}`)).status).toBe(404);
    expect(await readdir(join(folder, "files"))).toEqual(before);
  });
});

describe("/v1/batches", () => {
  test("each line is answered once, as /v1/completions would, errors in a file of their own", async () => {
    const lines = [lineOf(1), lineOf(2, { model: "none" }), lineOf(3, { temperature: 9 }), lineOf(4)];
    const made = await create(lines);
    expect(made).toMatchObject({ object: "batch", status: "validating", endpoint: "/v1/completions", errors: null });
    const batch = await until(made.id, ended);
    expect(batch).toMatchObject({ status: "completed", request_counts: { total: 4, completed: 2, failed: 2 } });
    for (const time of [batch.in_progress_at, batch.finalizing_at, batch.completed_at]) expect(time).toBeGreaterThan(0);
    const [first, last] = await read(batch.output_file_id);
    expect([first?.custom_id, last?.custom_id]).toEqual(["line-1", "line-4"]);
    const alone = await client.completions.create({
      model: "stories",
      prompt: "Once upon a time",
      max_tokens: 8,
      seed: 4,
    });
    expect(last?.response?.body.choices).toEqual(alone.choices);
    const errors = await read(batch.error_file_id);
    expect(
      errors.map(({ custom_id: id, response }) => [id, response?.status_code, response?.body.error?.param]),
    ).toEqual([
      ["line-2", 404, "model"],
      ["line-3", 400, "temperature"],
    ]);
    expect((await client.batches.list({ limit: 1 })).data).toEqual([batch]);
  });

  test("an operator's strategy writes the lines that name it, with its options and the line's", async () => {
    const by = (strategy: string, more: object = {}): object => ({ dynamo: { strategy }, ...more });
    const { id } = await create([
      lineOf(1, by("repeats")),
      lineOf(2, by("repeats", { top_k: 3 })),
      lineOf(3),
      lineOf(4, by("repeat")),
    ]);
    const batch = await until(id, ended);
    expect(batch).toMatchObject({ status: "completed", request_counts: { total: 4, completed: 3, failed: 1 } });
    const tokenizer = loadTokenizer({ tokenizerJson: await readFile(join(modelPath, "tokenizer.json"), "utf8") });
    const eight = tokenizer.decode(Array<number>(8).fill(300));
    const bodies = (await read(batch.output_file_id)).map(({ response }) => response?.body);
    const texts = bodies.map((body) => body?.choices[0]?.text);
    expect(texts.slice(0, 2)).toEqual([eight, eight]);
    expect(texts[2]).not.toBe(eight);
    const [error] = await read(batch.error_file_id);
    expect(error?.response).toMatchObject({
      status_code: 400,
      body: { error: { message: expect.stringContaining("did you mean repeats?") as string } },
    });
  });

  test("an input with faults fails, and names them with their lines", async () => {
    const { id } = await create([lineOf(1), "{no json", lineOf(1), { ...lineOf(3), url: "/v1/chat/completions" }, "7"]);
    const { status, errors } = await until(id, ended);
    expect(status).toBe("failed");
    expect(errors?.data?.map(({ code, line }) => [code, line])).toEqual([
      ["invalid_json_line", 2],
      ["duplicate_custom_id", 3],
      ["mismatched_endpoint", 4],
      ["invalid_request", 5],
    ]);
  });

  test("is cancelled: what was computed is kept, the rest is said to be cancelled; its file cannot go before", async () => {
    const { id, input_file_id: input } = await create(
      Array.from({ length: 60 }, (_, i) => lineOf(i, { max_tokens: 200 })),
    );
    await until(id, ({ request_counts: counts }) => (counts?.completed ?? 0) > 0);
    await expect(client.files.delete(input)).rejects.toMatchObject({ status: 400, code: "file_in_use" });
    expect((await client.batches.cancel(id)).status).toMatch(/^cancel/);
    const batch = await until(id, ended);
    expect(batch.status).toBe("cancelled");
    const [output, errors] = [await read(batch.output_file_id), await read(batch.error_file_id)];
    expect(new Set([...output, ...errors].map((line) => line.custom_id)).size).toBe(60);
    expect(output).toHaveLength(batch.request_counts?.completed ?? -1);
    expect(new Set(errors.map(({ error }) => error?.code))).toEqual(new Set(["batch_cancelled"]));
    await expect(client.batches.cancel(id)).rejects.toMatchObject({ status: 400, code: "not_cancellable" });
  });

  test("a server that is killed in the middle loses nothing and repeats no finished line", async () => {
    const count = 80;
    const { id } = await create(Array.from({ length: count }, (_, i) => lineOf(i, { max_tokens: 60 })));
    const before = await until(id, ({ request_counts: counts }) => (counts?.completed ?? 0) >= 5);
    expect(before.status).toBe("in_progress");
    const gone = once(server.process, "exit");
    server.process.kill("SIGKILL");
    await gone;
    // What the dead server had recorded: this one computes no lines.
    await start({ linesAtOnce: 0 });
    const kept = (await client.batches.retrieve(id)).request_counts?.completed ?? 0;
    await server.stop();
    await start();
    expect(kept).toBeGreaterThanOrEqual(before.request_counts?.completed ?? 0);
    const batch = await until(id, ended);
    expect(batch).toMatchObject({ status: "completed", request_counts: { total: count, completed: count, failed: 0 } });
    const output = await read(batch.output_file_id);
    expect(output.map((line) => line.custom_id)).toEqual(Array.from({ length: count }, (_, i) => `line-${i}`));
    // What the second server computed is what the first one had not finished.
    const metrics = await (await fetch(`${server.address}/metrics`)).text();
    const computed = Number(/gen_ai_server_time_to_first_token_seconds_count\{[^}]*\} (\d+)/.exec(metrics)?.[1]);
    expect(computed).toBe(count - kept);
  });

  test("SIGTERM in the middle: lines under way are finished, exit code 0, and the next server goes on", async () => {
    const { id } = await create(Array.from({ length: 40 }, (_, i) => lineOf(i, { max_tokens: 60 })));
    await until(id, ({ request_counts: counts }) => (counts?.completed ?? 0) >= 3);
    expect(await server.stop()).toBe(0);
    await start();
    expect(await until(id, ended)).toMatchObject({ status: "completed", request_counts: { completed: 40, failed: 0 } });
  });

  test("two servers on one embedded database: the second is refused", async () => {
    await expect(startServer({ options: { data: { folder } }, environment: { DATABASE_URL: "" } })).rejects.toThrow(
      /another process has the data folder/,
    );
  });
});
