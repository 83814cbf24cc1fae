/** One job of a queue, from taking it to its end, with signs of life in between. */
import {
  callback,
  checkOptions,
  checkValue,
  hasMethods,
  required,
  someText,
  valueCheck,
  type OptionChecks,
} from "@dynamo/core/options";
import { jobSeconds } from "./job-queue.js";
import type { JobQueue, QueuedJob } from "./queue.js";

/** Says that a job's worker lives; `lost` fires when the job is somebody else's by now. */
export interface Touch {
  readonly lost: AbortSignal;
  /** The job got on: what its workers do not survive is counted from here. */
  advanced: boolean;
}

/** "not yet": back to the queue. With an output, it is done and the output stays with it. */
export type WorkOutcome = "done" | "not yet" | { readonly output: object };

/** Options of working on a queue. */
export interface WorkOptions {
  readonly queue: JobQueue;
  readonly log: (level: "info" | "error", line: string) => void;
}

const checks: OptionChecks<WorkOptions> = {
  queue: required(
    valueCheck<JobQueue>("a queue, as openJobQueue() resolves to", (value) =>
      hasMethods(value, "take", "touch", "done", "giveBack"),
    ),
  ),
  log: required(callback()),
};

const touchMilliseconds = (1000 * jobSeconds) / 10;

/** False when there was nothing. An error puts the job back. */
export async function workOn<Data>(
  name: string,
  options: WorkOptions,
  work: (job: QueuedJob<Data>, touch: Touch) => Promise<WorkOutcome>,
): Promise<boolean> {
  checkValue("name", name, someText);
  checkOptions("workOn()", options, checks);
  checkValue("work", work, callback());
  const { queue, log } = options;
  const job = await queue.take<Data>(name);
  if (job === undefined) return false;
  const lost = new AbortController();
  const touch: Touch = { lost: lost.signal, advanced: false };
  const say = async (): Promise<void> => {
    if (!(await queue.touch(name, job.id, touch.advanced))) lost.abort();
  };
  const timer = setInterval(() => void say().catch(() => undefined), touchMilliseconds);
  try {
    const outcome = await work(job, touch);
    if (touch.advanced) await say();
    if (lost.signal.aborted) log("info", `${name}: another process has taken over what this one was computing`);
    else if (outcome === "not yet") await queue.giveBack(name, job.id);
    else await queue.done(name, job.id, outcome === "done" ? undefined : outcome.output);
  } catch (error) {
    log("error", `${name}: ${error instanceof Error ? error.message : String(error)}`);
    await queue.giveBack(name, job.id);
  } finally {
    clearInterval(timer);
  }
  return true;
}
