/** An evaluation from its jobs to its summary; with a folder, a run that was stopped goes on where it was. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { writeFileAtomically } from "@dynamo/model/convert";
import { callback, checkOptions, checkValue, type OptionChecks } from "@dynamo/core/options";
import { lockRun } from "@dynamo/train/node";
import { evaluationCheck, folderCheck, workCheck, workerCheck } from "../arguments.js";
import type { EvalWorker, Evaluation, JsonObject, Work } from "../evaluation.js";
import { computeHere, type Compute } from "./compute.js";
import { folderHash } from "./folder-hash.js";
import { claimPlace, manifestOf } from "./manifest.js";
import { fileStore, memoryStore, type ResultStore } from "./result-store.js";

/** Options of `runEvaluation`. */
export interface RunEvaluationOptions<Job = unknown> {
  /** Where the jobs run; default: in this process, one after the other. */
  readonly compute?: Compute<Job>;
  /** For `manifest.json`, `results.jsonl` (a line a job) and at the end `result.json`; without it nothing is kept. */
  readonly folder?: string;
  /** Of all jobs, how many have a result: once at the start, with those of earlier runs, and after every job. */
  readonly onProgress?: (done: number, jobs: number) => void;
}

/** A finished evaluation: its settings and summary. */
export interface EvaluationOutcome<Summary> {
  readonly kind: string;
  /** With `modelHashes`, of the folders that it used. */
  readonly settings: JsonObject;
  readonly summary: Summary;
}

const checks: OptionChecks<RunEvaluationOptions> = {
  compute: callback(),
  folder: folderCheck,
  onProgress: callback(),
};

const lockWords = { works: "evaluates in", stopping: "Ctrl-C; the same command again goes on from there" };

/**
 * The summary is the same whether or not the run was interrupted, with or without a folder, and wherever the jobs ran: results
 * always pass through JSON. Throws `aborted` when the worker's signal fires between jobs, `invalid-argument` when another
 * process runs in the folder, when it holds another run or cannot be written, `invalid-file` when its files are damaged.
 */
export async function runEvaluation<Job, Result, Summary>(
  evaluation: Evaluation<Job, Result, Summary>,
  worker: EvalWorker,
  options: RunEvaluationOptions<Job> = {},
): Promise<EvaluationOutcome<Summary>> {
  checkValue("evaluation", evaluation, evaluationCheck);
  checkValue("worker", worker, workerCheck);
  checkOptions("runEvaluation()", options, checks);
  const { folder, onProgress, compute = computeHere(evaluation, worker) } = options;
  const jobs: Job[] = [];
  for await (const job of evaluation.jobs(worker)) jobs.push(job);
  const { kind } = evaluation;
  const settings = await settingsWithHashes(evaluation);
  const kept = folder === undefined ? inMemory() : await openFolder(folder, { kind, settings, jobs });
  try {
    await computeMissing(kept.store, jobs, { compute, onProgress });
    const summary = await evaluation.summarize(inOrder<Result>(kept.store, jobs.length));
    const outcome = { kind, settings, summary };
    if (folder !== undefined) await writeFileAtomically(join(folder, "result.json"), JSON.stringify(outcome));
    return outcome;
  } finally {
    await kept.close();
  }
}

/** With the models' hashes: a folder of the same name may hold another model tomorrow. */
export async function settingsWithHashes(work: Pick<Work, "kind" | "settings" | "models">): Promise<JsonObject> {
  checkValue("work", work, workCheck);
  const { settings, models = [] } = work;
  const hashes: Record<string, string> = {};
  for (const model of new Set(models)) hashes[model] = await folderHash(model);
  return models.length === 0 ? settings : { ...settings, modelHashes: hashes };
}

interface Kept {
  readonly store: ResultStore;
  close(): Promise<void>;
}

function inMemory(): Kept {
  const store = memoryStore();
  return { store, close: () => store.close() };
}

interface FolderOf {
  readonly kind: string;
  readonly settings: JsonObject;
  readonly jobs: readonly unknown[];
}

async function openFolder(folder: string, { kind, settings, jobs }: FolderOf): Promise<Kept> {
  try {
    await mkdir(folder, { recursive: true });
    const lock = await lockRun(folder, lockWords);
    try {
      await claimPlace(join(folder, "manifest.json"), { ...manifestOf(kind, settings, jobs) }, folder);
      const store = await fileStore(join(folder, "results.jsonl"), jobs.length);
      const close = async (): Promise<void> => {
        await store.close();
        await lock.release();
      };
      return { store, close };
    } catch (error) {
      await lock.release();
      throw error;
    }
  } catch (cause) {
    if (DynamoError.is(cause)) throw cause;
    throw new DynamoError("invalid-argument", `cannot write into ${folder}`, { cause });
  }
}

interface Computing<Job> {
  readonly compute: Compute<Job>;
  readonly onProgress: RunEvaluationOptions["onProgress"] | undefined;
}

async function computeMissing<Job>(
  store: ResultStore,
  jobs: readonly Job[],
  { compute, onProgress }: Computing<Job>,
): Promise<void> {
  onProgress?.(store.size, jobs.length);
  const pending = jobs.map((job, index) => ({ index, job })).filter(({ index }) => !store.has(index));
  // Several processes may have a result at the same time; the store takes one at a time.
  let last: Promise<void> = Promise.resolve();
  await compute(pending, (index, result) => {
    last = last.then(async () => {
      await store.put(index, result);
      onProgress?.(store.size, jobs.length);
    });
    return last;
  });
}

async function* inOrder<Result>(store: ResultStore, jobs: number): AsyncGenerator<Result> {
  for (let i = 0; i < jobs; i++) yield JSON.parse(await store.get(i)) as Result;
}
