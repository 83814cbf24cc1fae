/** Where jobs run: in this process, in others, on other machines. */
import { throwIfAborted } from "@dynamo/core";
import { checkValue, hasMethods, valueCheck } from "@dynamo/core/options";
import { workerCheck } from "../arguments.js";
import type { EvalWorker, Evaluation } from "../evaluation.js";
import { resultText } from "./result-text.js";

/** A job without a result. */
export interface PendingJob<Job = unknown> {
  /** Its place among all jobs. */
  readonly index: number;
  readonly job: Job;
}

/** Keeps a job's result, a JSON text; on the disk when it returns, where results are kept there. */
export type PutResult = (index: number, result: string) => Promise<void>;

/** Runs all pending jobs, in any order, and puts every result. Throws what a job throws, and `aborted`. */
export type Compute<Job = unknown> = (pending: readonly PendingJob<Job>[], put: PutResult) => Promise<void>;

const runsCheck = valueCheck<Pick<Evaluation, "run">>("an evaluation { run }", (value) => hasMethods(value, "run"));

/** One after the other, with the models of this process. */
export function computeHere<Job, Result>(
  evaluation: Pick<Evaluation<Job, Result>, "run">,
  worker: EvalWorker,
): Compute<Job> {
  checkValue("evaluation", evaluation, runsCheck);
  checkValue("worker", worker, workerCheck);
  return async (pending, put) => {
    for (const { index, job } of pending) {
      throwIfAborted(worker.signal);
      await put(index, resultText(index, await evaluation.run(job, worker)));
    }
  };
}
