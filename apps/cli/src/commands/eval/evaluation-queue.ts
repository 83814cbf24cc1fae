/** The queue that evaluations share: PostgreSQL's where DATABASE_URL names one, else an embedded database's. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { evaluationQueue } from "@dynamo/eval";
import { openEmbedded, openJobQueue, type JobQueue } from "@dynamo/jobs";

export interface OpenQueue {
  readonly queue: JobQueue;
  close(): Promise<void>;
}

const common = {
  ...{ queues: [evaluationQueue], maintenanceSeconds: 5 },
  onError: (error: Error): void => console.error(`queue: ${error.message}`),
};

/** Rejects with the database's error when it cannot be reached. */
export async function openQueue(databaseUrl: string): Promise<OpenQueue> {
  const queue = await openJobQueue({ databaseUrl, ...common });
  return { queue, close: () => queue.close() };
}

/** In `folder`, one process's at a time. Throws `invalid-argument` when another one has it. */
export async function openEmbeddedQueue(folder: string): Promise<OpenQueue> {
  const place = join(folder, "queue");
  await mkdir(place, { recursive: true });
  const database = await openEmbedded(place);
  const queue = await openJobQueue({ database, ...common });
  // Nobody else has this database: whoever ran a job is dead.
  await queue.reclaim();
  return {
    queue,
    async close() {
      await queue.close();
      await database.close();
    },
  };
}
