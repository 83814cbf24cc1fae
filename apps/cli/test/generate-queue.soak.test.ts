/** `dynamo data generate --queue` by real processes on PostgreSQL: one is killed, one is stopped, and the bytes are one process's. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openJobQueue, type JobQueue } from "@dynamo/jobs";
import { hasPostgres, startPostgres, type Postgres } from "@dynamo/services";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { command, runCli } from "./run-cli.js";
import { succeeded, words } from "./training-files.js";

describe.skipIf(!hasPostgres)("on PostgreSQL", () => {
  let folder: string;
  let postgres: Postgres;
  let queue: JobQueue;
  let started: ChildProcess[] = [];
  const at = (name: string): string => join(folder, name);
  const bytes = (name: string): string => readFileSync(at(name), "utf8");
  // 60 texts of 40 tokens and a few more, in pieces of 16.
  const generate = (out: string, ...more: string[]): string[] => [
    ...["data", "generate", "--text", at("text.txt"), "--max-new-tokens", "40", "--slots", "4"],
    ...["--tokens", "2400", "--out", at(out), ...more],
  ];
  interface Running {
    readonly child: ChildProcess;
    said(): string;
  }
  const start = (...args: string[]): Running => {
    const child = spawn(process.execPath, [command, ...args], { env: { ...process.env, DATABASE_URL: postgres.url } });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += String(data)));
    started.push(child);
    return { child, said: () => said };
  };
  const endOf = async ({ child }: Running): Promise<unknown> =>
    child.exitCode ?? ((await once(child, "exit")) as [number])[0];
  const count = async (where: string): Promise<number> => {
    const { rows } = await queue.database.executeSql(`SELECT count(*)::int AS n FROM dynamo_jobs.job WHERE ${where}`);
    return (rows[0] as { readonly n: number }).n;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "dynamo-own-text-"));
    await writeFile(at("text.txt"), words(20));
    succeeded(await runCli(generate("whole.jsonl")));
    postgres = await startPostgres();
    const queues = [{ name: "watched" }];
    queue = await openJobQueue({ databaseUrl: postgres.url, queues, maintenanceSeconds: 60, onError: () => undefined });
  });
  afterEach(async () => {
    for (const child of started) child.kill("SIGKILL");
    started = [];
    await queue.database.executeSql("DELETE FROM dynamo_jobs.job");
  });
  afterAll(async () => {
    await queue.close();
    await postgres.remove();
    await rm(folder, { recursive: true, force: true });
  });

  test("a worker is killed within a piece: another process takes it, and the bytes are the same", async () => {
    const worker = start("eval", "work");
    await expect.poll(worker.said).toContain("taking jobs");
    const run = start(...generate("killed.jsonl", "--queue"));
    // The run has one piece at a time, and so has the worker.
    await expect.poll(() => count("state = 'active'"), { interval: 5 }).toBe(2);
    worker.child.kill("SIGKILL");
    expect([await endOf(run), run.said().includes("rror")]).toEqual([0, false]);
    expect(bytes("killed.jsonl")).toBe(bytes("whole.jsonl"));
    expect(await count("state = 'completed' AND retry_count > 0")).toBeGreaterThan(0);
  });

  test("a run is stopped, its workers go on, and the same command collects what they wrote", async () => {
    const worker = start("eval", "work");
    await expect.poll(worker.said).toContain("taking jobs");
    const first = start(...generate("stopped.jsonl", "--queue"));
    await expect.poll(() => count("state = 'completed'"), { interval: 5 }).toBeGreaterThan(0);
    first.child.kill("SIGINT");
    expect(await endOf(first)).toBe(130);
    await expect.poll(() => count("state <> 'completed'")).toBe(0);
    const pieces = await count("state = 'completed'");
    worker.child.kill("SIGINT");
    expect(await endOf(worker)).toBe(0);
    if (existsSync(at("stopped.jsonl"))) {
      const other = start(...generate("stopped.jsonl", "--queue", "--resume", "--seed", "7"));
      expect(await endOf(other)).toBe(2);
      expect(other.said()).toContain("settings.seed (there 0, received 7)");
    }
    const next = start(...generate("stopped.jsonl", "--queue", "--resume"));
    expect(await endOf(next)).toBe(0);
    expect(bytes("stopped.jsonl")).toBe(bytes("whole.jsonl"));
    // Of the pieces that were there, none was written again.
    expect(await count("retry_count > 0 AND state = 'completed'")).toBeLessThanOrEqual(1);
    expect(pieces).toBeGreaterThan(1);
  });

  test("a worker that is stopped gives its piece back at once", async () => {
    const worker = start("eval", "work");
    await expect.poll(worker.said).toContain("taking jobs");
    const run = start(...generate("given-back.jsonl", "--queue", "--tokens", "40000"));
    await expect.poll(() => count("state = 'active'"), { interval: 5 }).toBe(2);
    worker.child.kill("SIGINT");
    expect(await endOf(worker)).toBe(0);
    expect(await count("state = 'active'")).toBeLessThanOrEqual(1);
    run.child.kill("SIGINT");
    expect(await endOf(run)).toBe(130);
    expect(await count("state = 'active'")).toBe(0);
  });
});
