/** An evaluation from this command's first job to the summary, and its results as a file. */
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { DynamoError } from "@dynamo/core";
import {
  computeInProcesses,
  computeOnQueue,
  runEvaluation,
  runId,
  workOnQueue,
  type Compute,
  type EvalWorker,
  type Evaluation,
  type EvaluationKind,
  type EvaluationOutcome,
  type EvaluationSpec,
  type SummaryOf,
} from "@dynamo/eval";
import { startProgress } from "../../progress.js";
import { openWorker } from "./eval-worker.js";
import { writeResult } from "./write-result.js";
import { openEmbeddedQueue, openQueue } from "./evaluation-queue.js";
import { placed, placedEvaluation, withFolders, type PlacedSpec } from "./placed-spec.js";
import { queueWorkers } from "./queue-workers.js";
import type { EvalOptions } from "../../schemas/evaluation.js";
import type { ModelOptions } from "../../schemas/common.js";

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
export async function runSpec<Kind extends EvaluationKind>(
  spec: EvaluationSpec<Kind>,
  { options, signal, unit, print, json = (outcome): object => outcome }: RunParts<SummaryOf<Kind>>,
): Promise<void> {
  const start = performance.now();
  const own = placed(await withFolders(spec, options, signal), options);
  const evaluation = await placedEvaluation(own);
  checkSplit(evaluation, options);
  const outcome = await run(evaluation, own, { options, signal, unit });
  if (options.out !== undefined) await writeResult(options.out, outcome, (performance.now() - start) / 1000);
  if (options.json) console.log(JSON.stringify(json(outcome)));
  else print(outcome.summary);
}

/** Throws `invalid-argument` for evaluations that may not be split. */
function checkSplit({ kind, alone }: Pick<Evaluation, "kind" | "alone">, { workers = 1, queue }: EvalOptions): void {
  const fail = (message: string): never => {
    throw new DynamoError("invalid-argument", message);
  };
  if (workers > 1 && queue) fail("expected either --workers or --queue: dynamo eval work is a worker of the queue's");
  if (alone === undefined || (workers === 1 && !queue)) return;
  fail(`${kind} runs in one process (${alone}): expected --workers 1, received ${queue ? "--queue" : workers}`);
}

type Running = Pick<RunParts<never>, "options" | "signal" | "unit">;

async function run<Summary>(
  evaluation: Evaluation<unknown, unknown, Summary>,
  spec: PlacedSpec,
  { options, signal, unit }: Running,
): Promise<EvaluationOutcome<Summary>> {
  const opened = await openWorker(options, signal);
  const progress = startProgress(unit, { scale: 1 });
  const onProgress = (done: number, jobs: number): void => {
    progress.update(done, jobs, evaluation.kind);
  };
  const { resume, workers = 1 } = options;
  const compute = options.queue
    ? queueCompute(evaluation, spec, { worker: opened.worker, folder: resume ?? opened.worker.scratch, options })
    : workers > 1
      ? processCompute(spec, { workers, options, signal })
      : undefined;
  try {
    return await runEvaluation(evaluation, opened.worker, {
      ...(resume === undefined ? {} : { folder: resume }),
      ...(compute === undefined ? {} : { compute }),
      onProgress,
    });
  } finally {
    progress.stop();
    await opened.close();
  }
}

function processCompute(
  spec: PlacedSpec,
  { workers, options, signal }: Omit<Running, "unit"> & { readonly workers: number },
): Compute {
  const threads = options.threads ?? Math.max(1, Math.floor(availableParallelism() / workers));
  // This command's own file, whatever the shell called it.
  const launch = (): ReturnType<typeof fork> =>
    fork(process.argv[1] ?? "", ["eval", "job-process"], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  return computeInProcesses({ workers, launch, spec, setup: { threads }, signal });
}

interface Placed {
  readonly worker: EvalWorker;
  readonly folder: string;
  readonly options: ModelOptions;
}

/** This process runs jobs too, beside those that `dynamo eval work` takes. */
function queueCompute(evaluation: Evaluation, spec: PlacedSpec, { worker, folder, options }: Placed): Compute {
  return async (pending, put) => {
    const { signal } = worker;
    const { DATABASE_URL: url = "" } = process.env;
    const opened = url === "" ? await openEmbeddedQueue(folder) : await openQueue(url);
    const over = new AbortController();
    const { queue } = opened;
    // Jobs of others' evaluations come along too.
    const jobs = queueWorkers(options, signal);
    const working = workOnQueue({
      ...{ queue, open: jobs.open, signal: AbortSignal.any([over.signal, signal]) },
      log: (level, line) => {
        if (level === "error") console.error(line);
      },
    });
    try {
      await computeOnQueue({ queue, spec, run: await runId(evaluation), signal })(pending, put);
    } finally {
      over.abort();
      await working;
      await jobs.close();
      await opened.close();
    }
  };
}
