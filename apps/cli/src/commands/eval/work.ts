/** `dynamo eval work`: runs jobs of other processes' evaluations, on any host. */
import { DynamoError } from "@dynamo/core";
import { evaluationOf, workOnQueue, type EvaluationSpec } from "@dynamo/eval";
import type { ModelOptions } from "../../open-model.js";
import { openWorker } from "./eval-worker.js";
import { openQueue } from "./evaluation-queue.js";

export async function evalWork(options: ModelOptions, signal: AbortSignal): Promise<void> {
  const { DATABASE_URL: databaseUrl } = process.env;
  if (databaseUrl === undefined || databaseUrl === "")
    throw new DynamoError(
      "invalid-argument",
      "expected DATABASE_URL of a PostgreSQL that hosts share; on one machine --workers does the same",
    );
  const own = await openWorker(options, signal);
  const { worker } = own;
  const opened = await openQueue(databaseUrl, worker.scratch);
  console.error("taking jobs until Ctrl-C");
  try {
    await workOnQueue({
      queue: opened.queue,
      open: async (spec) => ({ evaluation: await evaluationOf(spec as EvaluationSpec), worker }),
      signal,
      log: (_, line) => console.error(line),
    });
  } finally {
    await opened.close();
    await own.close();
  }
}
