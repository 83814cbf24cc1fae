/** Jobs in several processes of this machine. One that dies is replaced, and its job runs again. */
import type { ChildProcess } from "node:child_process";
import { DynamoError, throwIfAborted } from "@dynamo/core";
import {
  abortSignal,
  callback,
  checkOptions,
  required,
  valueCheck,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import type { Compute, PendingJob, PutResult } from "./compute.js";
import type { FromJobProcess, ToJobProcess } from "./messages.js";

/** Options of jobs in processes of their own. */
export interface JobProcessOptions {
  readonly workers: number;
  /** Starts a process that calls `answerJobs`, with a channel to this one. */
  readonly launch: () => ChildProcess;
  /** For its `open`: plain JSON. */
  readonly spec: unknown;
  readonly setup?: unknown;
  readonly signal: AbortSignal;
}

const json = valueCheck<object>("plain JSON", () => true);

const checks: OptionChecks<JobProcessOptions> = {
  workers: required(whole(1)),
  launch: required(callback()),
  spec: required(json),
  setup: json,
  signal: required(abortSignal),
};

/** A job that has ended so many processes is taken for the reason. */
const mostDeaths = 3;

/** Throws `runtime` for a job whose processes die, and a job's own error with its code. */
export function computeInProcesses(options: JobProcessOptions): Compute {
  checkOptions("computeInProcesses()", options, checks);
  return async (pending, put) => {
    const waiting = [...pending];
    const failure = new AbortController();
    const signal = AbortSignal.any([options.signal, failure.signal]);
    const lanes = Array.from({ length: Math.min(options.workers, pending.length) }, () =>
      lane(waiting, put, { ...options, signal }).catch((error: unknown) => {
        // The first one is what people are told; the other lanes end because of it.
        failure.abort(error);
        throw error;
      }),
    );
    const ended = await Promise.allSettled(lanes);
    if (failure.signal.aborted && !options.signal.aborted) throw failure.signal.reason;
    throwIfAborted(options.signal);
    for (const each of ended) if (each.status === "rejected") throw each.reason;
  };
}

async function lane(waiting: PendingJob[], put: PutResult, options: JobProcessOptions): Promise<void> {
  let child: JobProcess | undefined;
  try {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      for (let deaths = 0; ;) {
        throwIfAborted(options.signal);
        try {
          child ??= await jobProcess(options);
          await put(next.index, await child.run(next));
          break;
        } catch (error) {
          if (!(error instanceof Died)) throw error;
          child = undefined;
          if (++deaths >= mostDeaths)
            throw new DynamoError(
              "runtime",
              `job ${next.index}: ${deaths} processes ended while they ran it, the last ${error.message}`,
            );
        }
      }
    }
  } finally {
    child?.close();
  }
}

interface JobProcess {
  run(job: PendingJob): Promise<string>;
  close(): void;
}

class Died extends Error {}

async function jobProcess({ launch, spec, setup, signal }: JobProcessOptions): Promise<JobProcess> {
  const child = launch();
  const ask = (message: ToJobProcess): Promise<FromJobProcess> =>
    new Promise((resolve, reject) => {
      const settle = (done: () => void): void => {
        child.off("message", answered).off("exit", died).off("error", failed);
        signal.removeEventListener("abort", aborted);
        done();
      };
      const answered = (answer: FromJobProcess): void => settle(() => resolve(answer));
      const died = (code: number | null, by: string | null): void =>
        settle(() => reject(new Died(by === null ? `with exit code ${code ?? "?"}` : `by ${by}`)));
      const failed = (cause: Error): void =>
        settle(() => reject(new DynamoError("runtime", "a process for jobs could not be started", { cause })));
      const aborted = (): void => {
        settle(() => reject(new DynamoError("aborted", "the evaluation was stopped")));
        // It cleans up after itself when its parent leaves.
        if (child.connected) child.disconnect();
      };
      if (signal.aborted) {
        aborted();
        return;
      }
      signal.addEventListener("abort", aborted);
      child.on("message", answered).on("exit", died).on("error", failed);
      // A process that is gone says so by its exit.
      if (child.connected) child.send(message, () => undefined);
      else if (child.exitCode !== null || child.signalCode !== null) died(child.exitCode, child.signalCode);
    });
  const value = async (message: ToJobProcess): Promise<FromJobProcess> => {
    const answer = await ask(message);
    if (answer.kind !== "error") return answer;
    if (child.connected) child.disconnect();
    throw new DynamoError(answer.error.code, answer.error.message);
  };
  await value({ kind: "open", spec, setup });
  return {
    async run({ index, job }) {
      const answer = await value({ kind: "job", index, job });
      if (answer.kind !== "result" || answer.index !== index)
        throw new DynamoError("runtime", `expected the result of job ${index} from its process`);
      return answer.result;
    },
    close: () => {
      if (child.connected) child.disconnect();
    },
  };
}
