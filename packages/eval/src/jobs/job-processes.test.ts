/** Jobs in real processes: every one once, those of a process that dies again, and an end in good order. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PendingJob } from "./compute.js";
import { computeInProcesses } from "./job-processes.js";

const entry = fileURLToPath(new URL("../__fixtures__/job-process.mjs", import.meta.url));

let folder: string;
let started: ChildProcess[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-processes-"));
  started = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Run {
  readonly workers?: number;
  readonly refuse?: boolean;
  readonly signal?: AbortSignal;
}

async function compute(
  jobs: readonly PendingJob[],
  { workers = 2, refuse = false, signal = new AbortController().signal }: Run = {},
): Promise<Map<number, string>> {
  const results = new Map<number, string>();
  const launch = (): ChildProcess => {
    const child = fork(entry, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    started.push(child);
    return child;
  };
  const spec = { log: join(folder, "log"), refuse };
  await computeInProcesses({ workers, launch, spec, signal })(jobs, (index, result) => {
    expect(results.has(index)).toBe(false);
    results.set(index, result);
    return Promise.resolve();
  });
  return results;
}

const begun = (): number[] =>
  readFileSync(join(folder, "log"), "utf8")
    .trim()
    .split("\n")
    .map((line) => Number(line.split(" ")[0]));
const jobs = (count: number): PendingJob[] =>
  Array.from({ length: count }, (_, i) => ({ index: 3 * i, job: { value: i * i } }));
const ended = (): Promise<unknown> => {
  const living = started.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  return Promise.all(living.map((child) => once(child, "exit")));
};

test.each([1, 2, 3, 9])("%i processes run every job once, and end", async (workers) => {
  const results = await compute(jobs(7), { workers });
  expect([...results].sort(([a], [b]) => a - b)).toEqual(jobs(7).map(({ index }, i) => [index, String(i * i)]));
  expect(begun().sort((a, b) => a - b)).toEqual(jobs(7).map(({ index }) => index));
  expect(started).toHaveLength(Math.min(workers, 7));
  await ended();
});

test("no jobs start no process", async () => {
  expect((await compute([])).size).toBe(0);
  expect(started).toEqual([]);
});

test("a process that is killed is replaced, and its job runs again", async () => {
  const dying = { index: 1, job: { value: 5, deaths: 2, marker: join(folder, "marker") } };
  const results = await compute([{ index: 0, job: { value: 1 } }, dying, { index: 2, job: { value: 2 } }]);
  expect(results.get(1)).toBe("5");
  expect(results.size).toBe(3);
  expect(begun().filter((index) => index === 1)).toHaveLength(3);
});

test("a job that kills every process is named", async () => {
  const dying = { index: 4, job: { value: 5, deaths: 99, marker: join(folder, "marker") } };
  await expect(compute([dying, ...jobs(3)])).rejects.toMatchObject({
    code: "runtime",
    message: "job 4: 3 processes ended while they ran it, the last by SIGKILL",
  });
  await ended();
});

test("a job's error keeps its code, and ends the other processes", async () => {
  const failing = { index: 0, job: { error: { code: "invalid-file", message: "text.txt: line 7" } } };
  const silent = { index: 1, job: { value: 1, silent: true } };
  await expect(compute([failing, silent])).rejects.toMatchObject({ code: "invalid-file", message: "text.txt: line 7" });
  await ended();
});

test("a spec that no process can open is its error", async () => {
  await expect(compute(jobs(2), { refuse: true })).rejects.toMatchObject({
    code: "not-found",
    message: "no such model",
  });
  await ended();
});

test("when it is stopped, its processes end", async () => {
  const abort = new AbortController();
  const run = compute([{ index: 0, job: { value: 1, silent: true } }], { signal: abort.signal });
  setTimeout(() => abort.abort(), 300);
  await expect(run).rejects.toMatchObject({ code: "aborted" });
  await ended();
});
