/** Jobs on the queue, while this process runs some of them too, beside those that `dynamo eval work` takes. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { computeOnQueue, runId, workOnQueue, type Compute, type Work } from "@dynamo/eval";
import { openEmbeddedQueue, openQueue, type OpenQueue } from "./evaluation-queue.js";
import { queueWorkers } from "./queue-workers.js";
import type { ModelOptions } from "../../schemas/common.js";

export interface QueuePlace {
  /** For the embedded database; default: one that is gone afterwards. */
  readonly folder?: string | undefined;
  readonly options: ModelOptions;
  readonly signal: AbortSignal;
}

/** `spec`: from which `queueWorkers` make the work. The queue is open as long as `use` runs. */
export async function queueCompute(
  work: Work,
  spec: unknown,
  { folder, options, signal }: QueuePlace,
  use: (compute: Compute) => Promise<void>,
): Promise<void> {
  const opened = await openShared(folder);
  const { queue } = opened;
  const over = new AbortController();
  // Jobs of others' runs come along too.
  const jobs = queueWorkers(options, signal);
  const working = workOnQueue({
    ...{ queue, open: jobs.open, signal: AbortSignal.any([over.signal, signal]) },
    log: (level, line) => {
      if (level === "error") console.error(line);
    },
  });
  try {
    await use(computeOnQueue({ queue, spec, run: await runId(work), signal }));
  } finally {
    over.abort();
    await working;
    await jobs.close();
    await opened.close();
  }
}

async function openShared(folder: string | undefined): Promise<OpenQueue> {
  const { DATABASE_URL: url = "" } = process.env;
  if (url !== "") return openQueue(url);
  if (folder !== undefined) return openEmbeddedQueue(folder);
  const scratch = await mkdtemp(join(tmpdir(), "dynamo-queue-"));
  const remove = (): Promise<void> => rm(scratch, { recursive: true, force: true });
  try {
    const opened = await openEmbeddedQueue(scratch);
    return { queue: opened.queue, close: () => opened.close().finally(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}
