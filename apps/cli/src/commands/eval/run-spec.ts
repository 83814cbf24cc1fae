/** An evaluation from this command's first job to the summary, and its results as a file. */
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { DynamoError } from "@dynamo/core";
import {
  computeInProcesses,
  describeRun,
  evaluationOf,
  runEvaluation,
  versionOf,
  writeWhole,
  type Compute,
  type Evaluation,
  type EvaluationKind,
  type EvaluationOutcome,
  type EvaluationSpec,
  type SummaryOf,
} from "@dynamo/eval";
import type { ModelOptions } from "../../open-model.js";
import { startProgress } from "../../progress.js";
import { openWorker } from "./eval-worker.js";

export interface EvalOptions extends ModelOptions {
  readonly out?: string;
  /** A folder in which an interrupted run's results are found again. */
  readonly resume?: string;
  /** Processes that share the jobs; undefined: this one. */
  readonly workers?: number;
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
export async function runSpec<Kind extends EvaluationKind>(
  spec: EvaluationSpec<Kind>,
  { options, signal, unit, print, json = (outcome): object => outcome }: RunParts<SummaryOf<Kind>>,
): Promise<void> {
  const start = performance.now();
  const evaluation = await evaluationOf(spec);
  const compute = computeOf(spec, evaluation, { options, signal });
  const outcome = await run(evaluation, { options, signal, unit, compute });
  if (options.out !== undefined) {
    const record = describeRun(["dynamo", ...process.argv.slice(2)], {
      seconds: (performance.now() - start) / 1000,
      versions: { "onnxruntime-node": versionOf("onnxruntime-node", import.meta.resolve("@dynamo/runtime-node")) },
    });
    await writeWhole(options.out, JSON.stringify({ ...outcome, run: record }));
  }
  if (options.json) console.log(JSON.stringify(json(outcome)));
  else print(outcome.summary);
}

type Where = Pick<RunParts<never>, "options" | "signal">;

/** Undefined: in this process. Throws `invalid-argument` for evaluations that may not be split. */
function computeOf(
  spec: EvaluationSpec,
  { kind, alone }: Pick<Evaluation, "kind" | "alone">,
  { options, signal }: Where,
): Compute | undefined {
  const { workers = 1, device, dtype } = options;
  if (workers < 1) throw new DynamoError("invalid-argument", `expected a worker or more, received ${workers}`);
  if (workers === 1) return undefined;
  if (alone !== undefined)
    throw new DynamoError(
      "invalid-argument",
      `${kind} runs in one process (${alone}): expected --workers 1, received ${workers}`,
    );
  const threads = options.threads ?? Math.max(1, Math.floor(availableParallelism() / workers));
  // The command's own file, which the operating system's name for this program may not be.
  const launch = (): ReturnType<typeof fork> =>
    fork(process.argv[1] ?? "", ["eval", "job-process"], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  return computeInProcesses({ workers, launch, spec, setup: { device, dtype, threads }, signal });
}

async function run<Summary>(
  evaluation: Evaluation<unknown, unknown, Summary>,
  { options, signal, unit, compute }: Where & { readonly unit: string; readonly compute: Compute | undefined },
): Promise<EvaluationOutcome<Summary>> {
  const opened = await openWorker(options, signal);
  const progress = startProgress(unit, { scale: 1 });
  const onProgress = (done: number, jobs: number): void => {
    progress.update(done, jobs, evaluation.kind);
  };
  try {
    return await runEvaluation(evaluation, opened.worker, {
      ...(options.resume === undefined ? {} : { folder: options.resume }),
      ...(compute === undefined ? {} : { compute }),
      onProgress,
    });
  } finally {
    progress.stop();
    await opened.close();
  }
}
