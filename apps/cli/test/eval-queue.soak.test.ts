/** Evaluations through a queue: on the embedded database, and on PostgreSQL with workers of which one is killed. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasPostgres, startPostgres } from "@dynamo/services";
import { afterAll, beforeAll, expect, test } from "vitest";
import { command, runCli, spawnCli } from "./run-cli.js";
import { writeStories } from "./stories-file.js";

let folder: string;
const at = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-queue-"));
  await writeStories(at("text.txt"), 40);
  const { code } = await runCli(perplexity("--resume", at("alone")));
  expect(code).toBe(0);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const perplexity = (...rest: string[]): string[] => [
  "eval",
  "perplexity",
  "--text",
  at("text.txt"),
  "--window",
  "64",
  ...rest,
];
const resultOf = (run: string): Promise<string> => readFile(at(`${run}/result.json`), "utf8");

test("on the embedded database: the bytes of a run without a queue", async () => {
  const { code, stderr } = await runCli(perplexity("--queue", "--resume", at("embedded")));
  expect([code, stderr.includes("rror")]).toEqual([0, false]);
  expect(await resultOf("embedded")).toBe(await resultOf("alone"));
});

test("eval work without a database that hosts share says what to do", async () => {
  const { code, stderr } = await spawnCli(["eval", "work"], { env: { DATABASE_URL: "" } });
  expect(code).toBe(2);
  expect(stderr).toContain("expected DATABASE_URL of a PostgreSQL");
});

test.skipIf(!hasPostgres)(
  "on PostgreSQL: a worker is killed, another one goes on, and the bytes are the same",
  async () => {
    const postgres = await startPostgres();
    const workers: ChildProcess[] = [];
    const start = (): ChildProcess & { said: string } => {
      const child = spawn(process.execPath, [command, "eval", "work"], {
        env: { ...process.env, DATABASE_URL: postgres.url },
      });
      const worker = Object.assign(child, { said: "" });
      child.stderr.on("data", (data) => (worker.said += String(data)));
      workers.push(child);
      return worker;
    };
    try {
      const first = start();
      await expect.poll(() => first.said).toContain("taking jobs");
      const run = spawnCli(perplexity("--queue", "--resume", at("shared")), { env: { DATABASE_URL: postgres.url } });
      await expect.poll(() => first.said, { interval: 5 }).toContain("done");
      first.kill("SIGKILL");
      const second = start();
      const { code, stderr } = await run;
      expect([code, stderr.includes("rror")]).toEqual([0, false]);
      expect(await resultOf("shared")).toBe(await resultOf("alone"));
      await expect.poll(() => second.said).toContain("taking jobs");
      second.kill("SIGINT");
      const [exitCode] = (await once(second, "exit")) as [number];
      expect(exitCode).toBe(0);
    } finally {
      for (const worker of workers) worker.kill("SIGKILL");
      await postgres.remove();
    }
  },
);
