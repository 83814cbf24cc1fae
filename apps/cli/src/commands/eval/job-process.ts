/** `dynamo eval job-process`: one of the processes of `--workers`, started by the command itself. */
import { evaluationOf, serveJobs, type EvaluationSpec } from "@dynamo/eval";
import type { ModelOptions } from "../../open-model.js";
import { openWorker, type OpenWorker } from "./eval-worker.js";

export async function jobProcess(signal: AbortSignal): Promise<void> {
  const left = new AbortController();
  let opened: OpenWorker | undefined;
  await serveJobs(async (spec, setup) => {
    opened = await openWorker(setup as ModelOptions, AbortSignal.any([signal, left.signal]));
    return { evaluation: await evaluationOf(spec as EvaluationSpec), worker: opened.worker };
  });
  left.abort();
  await opened?.close();
}
