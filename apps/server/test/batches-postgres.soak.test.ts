/** Several servers on one PostgreSQL: one is killed, and the database goes away and comes back. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import OpenAI, { toFile } from "openai";
import type { Batch } from "openai/resources/batches";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasPostgres, startPostgres, type Postgres } from "@dynamo/services";
import { startServer, type RunningServer } from "./start-server.js";

describe.skipIf(!hasPostgres)("batches on PostgreSQL", () => {
  let folder: string;
  let postgres: Postgres;
  const servers: RunningServer[] = [];
  const start = async (): Promise<{ server: RunningServer; client: OpenAI }> => {
    const server = await startServer({ options: { data: { folder } }, environment: { DATABASE_URL: postgres.url } });
    servers.push(server);
    return { server, client: new OpenAI({ baseURL: `${server.address}/v1`, apiKey: "none", maxRetries: 0 }) };
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "dynamo-batches-"));
    postgres = await startPostgres();
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await postgres.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const create = async (client: OpenAI, count: number): Promise<string> => {
    const lines = Array.from({ length: count }, (_, i) =>
      JSON.stringify({
        ...{ custom_id: `line-${i}`, method: "POST", url: "/v1/completions" },
        body: { prompt: "Once upon a time", max_tokens: 60, seed: i },
      }),
    );
    const file = await toFile(Buffer.from(lines.join("\n")), "input.jsonl");
    const { id } = await client.files.create({ file, purpose: "batch" });
    const asked = { input_file_id: id, endpoint: "/v1/completions", completion_window: "24h" } as const;
    return (await client.batches.create(asked)).id;
  };
  const until = async (client: OpenAI, id: string, wanted: (batch: Batch) => boolean): Promise<Batch> => {
    for (;;) {
      const batch = await client.batches.retrieve(id);
      if (wanted(batch)) return batch;
      await delay(200);
    }
  };
  const computedBy = async ({ address }: RunningServer): Promise<number> => {
    const metrics = await (await fetch(`${address}/metrics`)).text();
    return Number(/gen_ai_server_time_to_first_token_seconds_count\{[^}]*\} (\d+)/.exec(metrics)?.[1] ?? 0);
  };

  test("two servers share a batch; one is killed, the other one finishes, and no finished line is computed twice", async () => {
    const [first, second] = await Promise.all([start(), start()]);
    // Both made the tables of the new database, and neither was in the other's way.
    for (const { server } of [first, second]) expect(server.log()).not.toContain("cannot be reached");
    const count = 200;
    const id = await create(first.client, count);
    await until(second.client, id, ({ request_counts: counts }) => (counts?.completed ?? 0) >= 80);
    expect(await computedBy(second.server)).toBeGreaterThan(0);
    const before = await computedBy(first.server);
    const gone = once(first.server.process, "exit");
    first.server.process.kill("SIGKILL");
    await gone;
    const batch = await until(second.client, id, ({ status }) => status === "completed");
    expect(batch.request_counts).toEqual({ total: count, completed: count, failed: 0 });
    const text = await (await second.client.files.content(batch.output_file_id ?? "")).text();
    const output = text
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { custom_id: string }).custom_id);
    expect(output).toEqual(Array.from({ length: count }, (_, i) => `line-${i}`));
    // Two lines at once: so many can have been computed and not yet recorded when the first server died.
    expect(before + (await computedBy(second.server))).toBeLessThanOrEqual(count + 2);
  });

  test("the database goes away: files and batches say so, all else goes on, and so do they when it is back", async () => {
    const { client, server } = await start();
    const id = await create(client, 60);
    await until(client, id, ({ request_counts: counts }) => (counts?.completed ?? 0) >= 3);
    await postgres.stop();
    await expect(client.batches.retrieve(id)).rejects.toMatchObject({ status: 503, code: "database_unavailable" });
    const asked = { model: "stories", prompt: "Once", max_tokens: 4 };
    expect((await client.completions.create(asked)).choices).toHaveLength(1);
    // A server that starts meanwhile serves what needs no database.
    const other = await start();
    expect((await other.client.completions.create(asked)).choices).toHaveLength(1);
    await expect(other.client.batches.list()).rejects.toMatchObject({ status: 503 });
    await postgres.start();
    expect(server.process.exitCode).toBeNull();
    await delay(5000);
    const batch = await until(other.client, id, ({ status }) => status === "completed");
    expect(batch.request_counts).toEqual({ total: 60, completed: 60, failed: 0 });
  });
});
