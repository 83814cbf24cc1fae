/** `dynamo eval job-process`: one of the processes of `--workers`, started by the command itself. */
import { answerJobs } from "@dynamo/eval";
import { openWorker, type OpenWorker } from "./eval-worker.js";
import { placedEvaluation, type PlacedSpec } from "./placed-spec.js";
import type { ModelOptions } from "../../schemas/common.js";

export async function jobProcess(signal: AbortSignal): Promise<void> {
  const left = new AbortController();
  let opened: OpenWorker | undefined;
  await answerJobs(async (spec, setup) => {
    const { spec: _, ...place } = spec as PlacedSpec;
    opened = await openWorker({ ...(setup as ModelOptions), ...place }, AbortSignal.any([signal, left.signal]));
    return { evaluation: await placedEvaluation(spec as PlacedSpec), worker: opened.worker };
  });
  left.abort();
  await opened?.close();
}
