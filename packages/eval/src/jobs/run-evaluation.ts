/** Runs an evaluation's jobs in this process; with a folder, a run that was stopped goes on where it was. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError, throwIfAborted } from "@dynamo/core";
import type { EvalWorker, Evaluation, JsonObject } from "../evaluation.js";
import { claimFolder, manifestOf, writeWhole } from "./manifest.js";
import { fileStore, memoryStore, type ResultStore } from "./result-store.js";

export interface RunEvaluationOptions {
  /** For `manifest.json`, `results.jsonl` (a line a job) and at the end `result.json`; without it nothing is kept. */
  readonly folder?: string;
  /** Of all jobs, how many have a result: once at the start, with those of earlier runs, and after every job. */
  readonly onProgress?: (done: number, jobs: number) => void;
}

export interface EvaluationOutcome<Summary> {
  readonly kind: string;
  readonly settings: JsonObject;
  readonly summary: Summary;
}

/**
 * The summary is the same whether or not the run was interrupted, and with or without a folder: results always pass
 * through JSON. Throws `aborted` when the worker's signal fires between jobs, `invalid-argument` when the folder holds
 * another run or cannot be written, `invalid-file` when its files are damaged. One process a folder at a time.
 */
export async function runEvaluation<Job, Result, Summary>(
  evaluation: Evaluation<Job, Result, Summary>,
  worker: EvalWorker,
  { folder, onProgress }: RunEvaluationOptions = {},
): Promise<EvaluationOutcome<Summary>> {
  const jobs: Job[] = [];
  for await (const job of evaluation.jobs(worker)) jobs.push(job);
  const { kind, settings } = evaluation;
  const store = folder === undefined ? memoryStore() : await openFolder(folder, evaluation, jobs);
  try {
    await runMissing(evaluation, jobs, { store, worker, onProgress });
    const outcome = { kind, settings, summary: await evaluation.summarize(inOrder<Result>(store, jobs.length)) };
    if (folder !== undefined) await writeWhole(join(folder, "result.json"), JSON.stringify(outcome));
    return outcome;
  } finally {
    await store.close();
  }
}

async function openFolder(
  folder: string,
  { kind, settings }: Pick<Evaluation, "kind" | "settings">,
  jobs: readonly unknown[],
): Promise<ResultStore> {
  try {
    await mkdir(folder, { recursive: true });
    await claimFolder(folder, manifestOf(kind, settings, jobs));
    return await fileStore(join(folder, "results.jsonl"), jobs.length);
  } catch (cause) {
    if (DynamoError.is(cause)) throw cause;
    throw new DynamoError("invalid-argument", `cannot write into ${folder}`, { cause });
  }
}

interface Run {
  readonly store: ResultStore;
  readonly worker: EvalWorker;
  readonly onProgress?: RunEvaluationOptions["onProgress"];
}

async function runMissing<Job, Result>(
  evaluation: Pick<Evaluation<Job, Result>, "run">,
  jobs: readonly Job[],
  { store, worker, onProgress }: Run,
): Promise<void> {
  onProgress?.(store.size, jobs.length);
  for (const [i, job] of jobs.entries()) {
    if (store.has(i)) continue;
    throwIfAborted(worker.signal);
    await store.put(i, JSON.stringify(await evaluation.run(job, worker)));
    onProgress?.(store.size, jobs.length);
  }
}

async function* inOrder<Result>(store: ResultStore, jobs: number): AsyncGenerator<Result> {
  for (let i = 0; i < jobs; i++) yield JSON.parse(await store.get(i)) as Result;
}
