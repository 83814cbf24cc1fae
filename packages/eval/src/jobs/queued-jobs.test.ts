/** A queue on the embedded database: jobs once, errors with their codes, a stopped run that is collected later. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { openEmbedded, openJobQueue, type EmbeddedDatabase, type JobQueue } from "@dynamo/jobs";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { EvalWorker, Evaluation } from "../evaluation.js";
import { computeOnQueue, evaluationQueue, runId, workOnQueue } from "./queued-jobs.js";
import { runEvaluation } from "./run-evaluation.js";

let folder: string;
let database: EmbeddedDatabase;
let queue: JobQueue;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-queue-"));
  database = await openEmbedded(folder);
  const queues = [evaluationQueue];
  queue = await openJobQueue({ database, queues, maintenanceSeconds: 5, onError: () => undefined });
});
afterAll(async () => {
  await queue.close();
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

const worker: EvalWorker = {
  model: () => Promise.reject(new Error("no model")),
  scratch: "",
  signal: new AbortController().signal,
};

interface Spec {
  readonly jobs: number;
  readonly name: string;
}
let ran: number[];
/** Jobs that cannot be run for now. */
let failing: number[];
let workers: { stop: AbortController; done: Promise<void> }[];
beforeEach(() => {
  [ran, failing, workers] = [[], [], []];
});
afterEach(async () => {
  for (const { stop } of workers) stop.abort();
  await Promise.all(workers.map(({ done }) => done));
});

const evaluationOf = ({ jobs, name }: Spec): Evaluation<number, number, number[]> => ({
  ...{ kind: "thirds", settings: { jobs, name } },
  jobs: () => Array.from({ length: jobs }, (_, i) => i),
  run(job) {
    ran.push(job);
    if (failing.includes(job)) return Promise.reject(new DynamoError("invalid-file", `no third of ${job}`));
    return Promise.resolve(job / 3);
  },
  async summarize(results) {
    const all: number[] = [];
    for await (const result of results) all.push(result);
    return all;
  },
});

function startWorker(otherwise: (spec: Spec) => Spec = (spec) => spec): void {
  const stop = new AbortController();
  const open = (spec: unknown): Promise<{ evaluation: Evaluation; worker: EvalWorker }> =>
    Promise.resolve({ evaluation: evaluationOf(otherwise(spec as Spec)), worker });
  workers.push({ stop, done: workOnQueue({ queue, open, signal: stop.signal, log: () => undefined }) });
}

async function run(spec: Spec, signal = worker.signal): Promise<number[]> {
  const evaluation = evaluationOf(spec);
  const compute = computeOnQueue({ queue, spec, run: await runId(evaluation), signal });
  return (await runEvaluation(evaluation, worker, { compute })).summary;
}

const thirds = (count: number): number[] => Array.from({ length: count }, (_, i) => i / 3);

test("two workers run every job once, and the results are in order", async () => {
  startWorker();
  startWorker();
  expect(await run({ jobs: 20, name: "shared" })).toEqual(thirds(20));
  expect([...ran].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
});

test("a run that was stopped goes on without it, and the next one collects what is there", async () => {
  const stop = new AbortController();
  const first = run({ jobs: 5, name: "left" }, stop.signal);
  setTimeout(() => stop.abort(), 200);
  await expect(first).rejects.toMatchObject({ code: "aborted" });
  startWorker();
  await expect.poll(() => ran.length).toBe(5);
  expect(await run({ jobs: 5, name: "left" })).toEqual(thirds(5));
  expect(ran).toHaveLength(5);
});

test("a job's error keeps its code, takes the other jobs with it, and is tried again by the next run", async () => {
  startWorker();
  failing = [0];
  await expect(run({ jobs: 3, name: "failing" })).rejects.toMatchObject({
    code: "invalid-file",
    message: "no third of 0",
  });
  const { rows } = await database.executeSql("SELECT id FROM dynamo_jobs.job WHERE state IN ('created', 'retry')");
  expect(rows).toEqual([]);
  failing = [];
  expect(await run({ jobs: 3, name: "failing" })).toEqual(thirds(3));
});

test("a worker with other files at the same places is found out", async () => {
  startWorker((spec) => ({ ...spec, name: "other files" }));
  await expect(run({ jobs: 2, name: "own files" })).rejects.toMatchObject({
    code: "invalid-argument",
    message: expect.stringContaining("has other files or models at the same places"),
  });
  expect(ran).toEqual([]);
});
