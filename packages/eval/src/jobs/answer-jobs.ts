/** The other end of `computeInProcesses`: a process that runs one job after another until its parent leaves. */
import { DynamoError } from "@dynamo/core";
import { callback, checkValue } from "@dynamo/core/options";
import type { EvalWorker, Evaluation } from "../evaluation.js";
import type { FromJobProcess, JobError, ToJobProcess } from "./messages.js";
import { resultText } from "./result-text.js";

/** An evaluation's jobs and what they may use, opened in a worker. */
export interface OpenedJobs {
  readonly evaluation: Pick<Evaluation, "run">;
  readonly worker: EvalWorker;
}

/**
 * Resolves when the parent is gone. `open` makes the evaluation of a spec, and a worker as `setup` asks for.
 * Throws `unsupported` in a process that no other one has forked.
 */
export async function answerJobs(open: (spec: unknown, setup: unknown) => Promise<OpenedJobs>): Promise<void> {
  checkValue("open", open, callback());
  if (process.send === undefined) throw new DynamoError("unsupported", "expected to be started by an evaluation");
  let opened: Promise<OpenedJobs> | undefined;
  const handle = async (message: ToJobProcess): Promise<FromJobProcess> => {
    if (message.kind === "open") {
      opened = open(message.spec, message.setup);
      await opened;
      return { kind: "ready" };
    }
    if (opened === undefined) throw new DynamoError("runtime", "expected a spec before the first job");
    const { evaluation, worker } = await opened;
    const result = resultText(message.index, await evaluation.run(message.job, worker));
    return { kind: "result", index: message.index, result };
  };
  process.on("message", (message: ToJobProcess) => {
    handle(message)
      .catch((error: unknown): FromJobProcess => ({ kind: "error", error: jobError(error) }))
      .then((answer) => process.send?.(answer))
      // The parent is gone, and with it whoever waits for the answer.
      .catch(() => undefined);
  });
  await new Promise((resolve) => process.once("disconnect", resolve));
}

/** As other processes are told. */
export const jobError = (error: unknown): JobError =>
  DynamoError.is(error)
    ? { code: error.code, message: error.message }
    : { code: "runtime", message: error instanceof Error ? error.message : String(error) };
