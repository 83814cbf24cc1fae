/** An evaluation from this command's first job to the summary, and its results as a file. */
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { DynamoError } from "@dynamo/core";
import {
  computeInProcesses,
  runEvaluation,
  type Compute,
  type Evaluation,
  type EvaluationKind,
  type EvaluationOutcome,
  type EvaluationSpec,
  type SummaryOf,
} from "@dynamo/eval";
import { startProgress } from "../../progress.js";
import { openWorker } from "./eval-worker.js";
import { writeResult } from "./write-result.js";
import { placed, placedEvaluation, withFolders, type PlacedSpec } from "./placed-spec.js";
import { queueCompute } from "./queue-compute.js";
import type { EvalOptions } from "../../schemas/evaluation.js";

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
  const progress = startProgress(unit);
  const onProgress = (done: number, jobs: number): void => {
    progress.update(done, jobs, evaluation.kind);
  };
  const { resume, workers = 1 } = options;
  const compute: Compute | undefined = options.queue
    ? (pending, put) =>
        queueCompute(evaluation, spec, { folder: resume, options, signal }, (onQueue) => onQueue(pending, put))
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
