/** An evaluation in this process, from the first job to the summary, and its results as a file. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  describeRun,
  runEvaluation,
  versionOf,
  writeWhole,
  type EvalWorker,
  type Evaluation,
  type EvaluationOutcome,
} from "@dynamo/eval";
import { openModel, type ModelOptions, type OpenModel } from "../../open-model.js";
import { startProgress } from "../../progress.js";

export interface EvalOptions extends ModelOptions {
  readonly out?: string;
  /** A folder in which an interrupted run's results are found again. */
  readonly resume?: string;
  readonly json: boolean;
}

interface RunParts<Summary> {
  readonly options: EvalOptions;
  readonly signal: AbortSignal;
  /** What a job is, for the progress bar. */
  readonly unit: string;
  readonly print: (summary: Summary) => void;
  /** What --json prints; default: the outcome itself. */
  readonly json?: (outcome: EvaluationOutcome<Summary>) => object;
}

/** Results are `{kind, settings, summary, run}`: into --out, and onto standard output with --json, there without `run`. */
export async function runHere<Job, Result, Summary>(
  evaluation: Evaluation<Job, Result, Summary>,
  { options, signal, unit, print, json = (outcome): object => outcome }: RunParts<Summary>,
): Promise<void> {
  const start = performance.now();
  const outcome = await inWorker(options, signal, (worker) => runAll(evaluation, worker, unit, options.resume));
  if (options.out !== undefined) {
    const run = describeRun(["dynamo", ...process.argv.slice(2)], {
      seconds: (performance.now() - start) / 1000,
      versions: { "onnxruntime-node": versionOf("onnxruntime-node", import.meta.resolve("@dynamo/runtime-node")) },
    });
    await writeWhole(options.out, JSON.stringify({ ...outcome, run }));
  }
  if (options.json) console.log(JSON.stringify(json(outcome)));
  else print(outcome.summary);
}

async function runAll<Job, Result, Summary>(
  evaluation: Evaluation<Job, Result, Summary>,
  worker: EvalWorker,
  unit: string,
  folder?: string,
): Promise<EvaluationOutcome<Summary>> {
  const progress = startProgress(unit, { scale: 1 });
  const onProgress = (done: number, jobs: number): void => {
    progress.update(done, jobs, evaluation.kind);
  };
  try {
    return await runEvaluation(evaluation, worker, { ...(folder === undefined ? {} : { folder }), onProgress });
  } finally {
    progress.stop();
  }
}

/** Models stay open from one job to the next. */
async function inWorker<Value>(
  options: ModelOptions,
  signal: AbortSignal,
  use: (worker: EvalWorker) => Promise<Value>,
): Promise<Value> {
  const scratch = await mkdtemp(join(tmpdir(), "dynamo-eval-"));
  const opened = new Map<string, OpenModel>();
  const worker: EvalWorker = {
    scratch,
    signal,
    async model(folder) {
      const own = opened.get(folder) ?? (await openModel(folder, options, signal));
      opened.set(folder, own);
      return own.model;
    },
  };
  try {
    return await use(worker);
  } finally {
    for (const { close } of opened.values()) await close();
    await rm(scratch, { recursive: true, force: true });
  }
}
