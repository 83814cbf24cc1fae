/** Jobs of an evaluation in several processes: the same bytes, one of them killed, and what may not be split. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { command, runCli, spawnCli } from "./run-cli.js";
import { writeStories } from "./stories-file.js";

let folder: string;
const at = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-workers-"));
  await writeStories(at("text.txt"), 24);
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

test("two and three processes have the bytes that one has", async () => {
  const outcomes = [];
  for (const workers of ["1", "2", "3"]) {
    const { code, stderr } = await spawnCli(
      perplexity("--workers", workers, "--resume", at(`run-${workers}`), "--json"),
    );
    expect([code, stderr.includes("Error")]).toEqual([0, false]);
    outcomes.push(await readFile(at(`run-${workers}/result.json`), "utf8"));
  }
  expect(new Set(outcomes).size).toBe(1);
});

/** Of a process, where there is /proc. */
const childrenOf = (pid: number): number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      const stat = existsSync(`/proc/${name}/stat`) ? readFileSync(`/proc/${name}/stat`, "utf8") : "";
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === pid;
    })
    .map(Number);

test.skipIf(!existsSync("/proc/self/stat"))("one that is killed is replaced, and the result is the same", async () => {
  const child = spawn(process.execPath, [command, ...perplexity("--workers", "2", "--resume", at("killed"))]);
  const exited = once(child, "exit");
  let killed = 0;
  while (child.exitCode === null && killed === 0) {
    const lines = existsSync(at("killed/results.jsonl"))
      ? readFileSync(at("killed/results.jsonl"), "utf8").split("\n").length
      : 0;
    const [first] = lines > 1 ? childrenOf(child.pid ?? 0) : [];
    if (first !== undefined) {
      process.kill(first, "SIGKILL");
      killed = first;
    }
    await delay(5);
  }
  expect(killed).toBeGreaterThan(0);
  expect(await exited).toEqual([0, null]);
  expect(await readFile(at("killed/result.json"), "utf8")).toBe(await readFile(at("run-1/result.json"), "utf8"));
});

test("what measures time is not split, and says why", async () => {
  const { code, stderr } = await runCli(["eval", "compare", "--workers", "2"]);
  expect(code).toBe(2);
  expect(stderr).toContain(
    "compare runs in one process (it measures time, and other processes would take it): expected --workers 1",
  );
});

test("a process for jobs that nobody started says so", async () => {
  const { code, stderr } = await spawnCli(["eval", "job-process"]);
  expect(code).not.toBe(0);
  expect(stderr).toContain("expected to be started by an evaluation");
});
