/** `dynamo eval work`: runs jobs of other processes' evaluations and of their `data generate`, on any host. */
import { DynamoError } from "@dynamo/core";
import { workOnQueue } from "@dynamo/eval";
import { openQueue } from "./evaluation-queue.js";
import { queueWorkers } from "./queue-workers.js";
import type { ModelOptions } from "../../schemas/common.js";

export async function evalWork(options: ModelOptions, signal: AbortSignal): Promise<void> {
  const { DATABASE_URL: databaseUrl } = process.env;
  if (databaseUrl === undefined || databaseUrl === "")
    throw new DynamoError(
      "invalid-argument",
      "expected DATABASE_URL of a PostgreSQL that hosts share; on one machine --workers does the same",
    );
  const jobs = queueWorkers(options, signal);
  const opened = await openQueue(databaseUrl);
  console.error("taking jobs until Ctrl-C");
  try {
    await workOnQueue({
      queue: opened.queue,
      open: jobs.open,
      signal,
      log: (_, line) => console.error(line),
    });
  } finally {
    await jobs.close();
    await opened.close();
  }
}
