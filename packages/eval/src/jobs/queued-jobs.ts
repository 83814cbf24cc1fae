/** Jobs on a queue that any number of hosts share: put in once, run by whoever has room, collected by whoever asked for them. */
import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { DynamoError, throwIfAborted } from "@dynamo/core";
import {
  abortSignal,
  callback,
  checkOptions,
  hasMethods,
  required,
  someText,
  valueCheck,
  type OptionChecks,
} from "@dynamo/core/options";
import { jobId, workOn, type JobQueue, type QueueSettings } from "@dynamo/jobs";
import { z } from "zod";
import type { Work } from "../evaluation.js";
import type { Compute } from "./compute.js";
import type { JobError } from "./messages.js";
import { jobError, type OpenedJobs } from "./answer-jobs.js";
import { resultText } from "./result-text.js";
import { settingsWithHashes } from "./run-evaluation.js";

/** For `openJobQueue`. */
export const evaluationQueue: QueueSettings = { name: "dynamo-evaluation" };

/** Milliseconds between two looks for results, and for jobs. */
const idle = 500;

interface QueuedData {
  /** Of `runId`. */
  readonly run: string;
  readonly index: number;
  readonly job: unknown;
  readonly spec: unknown;
}

const ended = z.array(
  z.object({
    id: z.string(),
    state: z.enum(["completed", "failed"]),
    output: z
      .object({ result: z.string().optional(), error: z.object({ code: z.string(), message: z.string() }).optional() })
      .nullish(),
  }),
);

/** The same work with the same files and models has the same one, on every host. */
export async function runId(work: Pick<Work, "kind" | "settings" | "models">): Promise<string> {
  const settings = await settingsWithHashes(work);
  return createHash("sha256")
    .update(JSON.stringify([work.kind, settings], sorted))
    .digest("hex");
}

/** A database gives an object back with its names in another order. */
const sorted = (_name: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

const queueCheck = valueCheck<JobQueue>("a queue, as openJobQueue() resolves to", (value) =>
  hasMethods(value, "insert", "take", "ended", "forget"),
);

/** Options of jobs that go through a queue. */
export interface QueuedOptions {
  readonly queue: JobQueue;
  /** Plain JSON, from which a worker makes the work. */
  readonly spec: unknown;
  readonly run: string;
  readonly signal: AbortSignal;
}

const queuedChecks: OptionChecks<QueuedOptions> = {
  queue: required(queueCheck),
  spec: required(valueCheck<object>("plain JSON", () => true)),
  run: required(someText),
  signal: required(abortSignal),
};

/**
 * Jobs of this run that are in the queue already, or done, are not put in again: a run that was stopped is collected by the next
 * one. Throws a job's error with its code, after which none of its jobs wait any more; `runtime` for one that its workers did not
 * survive.
 */
export function computeOnQueue(options: QueuedOptions): Compute {
  checkOptions("computeOnQueue()", options, queuedChecks);
  const { queue, spec, run, signal } = options;
  return async (pending, put) => {
    const { name } = evaluationQueue;
    const waiting = new Map(pending.map(({ index }) => [jobId(`${run}/${index}`), index]));
    // What failed once may have found its file by now.
    await queue.forget(name, [...waiting.keys()], "failed");
    const queued = pending.map(({ index, job }) => ({ run, index, job, spec }) satisfies QueuedData);
    await queue.insert(
      name,
      queued.map((data) => ({ id: jobId(`${run}/${data.index}`), data })),
    );
    try {
      while (waiting.size > 0) {
        throwIfAborted(signal);
        const found = ended.parse(await queue.ended(name, [...waiting.keys()]));
        for (const { id, state, output } of found) {
          const index = waiting.get(id) ?? 0;
          await put(index, resultOf(index, state, output));
          waiting.delete(id);
        }
        if (found.length === 0) await delay(idle, undefined, { signal }).catch(() => undefined);
      }
    } catch (error) {
      if (!signal.aborted) await queue.forget(name, [...waiting.keys()], "waiting");
      throw error;
    }
  };
}

function resultOf(index: number, state: string, output: z.output<typeof ended>[number]["output"]): string {
  if (output?.error !== undefined) throw new DynamoError(output.error.code as JobError["code"], output.error.message);
  if (state === "completed" && output?.result !== undefined) return output.result;
  throw new DynamoError("runtime", `job ${index}: its workers ended while they ran it, again and again`);
}

/** Options of a worker that takes jobs from a queue. */
export interface WorkerOptions {
  readonly queue: JobQueue;
  /** Makes the evaluation, or other work, of a spec, and what its jobs may use. */
  readonly open: (spec: unknown) => Promise<OpenedJobs & { readonly evaluation: Work }>;
  /** Ends it before the next job; one that runs goes back to the queue when its worker's own signal fires. */
  readonly signal: AbortSignal;
  readonly log: (level: "info" | "error", line: string) => void;
}

const workerChecks: OptionChecks<WorkerOptions> = {
  queue: required(queueCheck),
  open: required(callback()),
  signal: required(abortSignal),
  log: required(callback()),
};

/** Takes one job after another until the signal fires. Files and models that are not those of whoever asked are an error of the job. */
export async function workOnQueue(options: WorkerOptions): Promise<void> {
  checkOptions("workOnQueue()", options, workerChecks);
  const { queue, open, signal, log } = options;
  const opened = new Map<string, ReturnType<WorkerOptions["open"]>>();
  const openRun = async (run: string, spec: unknown): ReturnType<WorkerOptions["open"]> => {
    const own = await open(spec);
    if ((await runId(own.evaluation)) === run) return own;
    throw new DynamoError(
      "invalid-argument",
      `${hostname()} has other files or models at the same places: expected those of the run`,
    );
  };
  const compute = async ({ run, index, job, spec }: QueuedData): Promise<string> => {
    const own = opened.get(run) ?? openRun(run, spec);
    opened.set(run, own);
    // What could not be opened may be there when the next job comes.
    own.catch(() => opened.delete(run));
    const { evaluation, worker } = await own;
    return resultText(index, await evaluation.run(job, worker));
  };
  while (!signal.aborted) {
    const worked = await workOn<QueuedData>(evaluationQueue.name, { queue, log }, async ({ data }) => {
      try {
        const result = await compute(data);
        log("info", `job ${data.index}: done`);
        return { output: { result } };
      } catch (error) {
        if (DynamoError.is(error) && error.code === "aborted") return "not yet";
        return { output: { error: jobError(error) } };
      }
    });
    if (!worked) await delay(idle, undefined, { signal }).catch(() => undefined);
  }
}
