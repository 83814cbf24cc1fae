/** The queue that evaluations share: PostgreSQL's where DATABASE_URL names one, else an embedded database's. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { evaluationQueue } from "@dynamo/eval";
import { openEmbedded, openJobQueue, type JobQueue } from "@dynamo/jobs";

export interface OpenQueue {
  readonly queue: JobQueue;
  close(): Promise<void>;
}

const maintenanceSeconds = 5;

/** The embedded one is in `folder`, and one process's at a time. Rejects with the database's error when it cannot be reached. */
export async function openQueue(databaseUrl: string | undefined, folder: string): Promise<OpenQueue> {
  const onError = (error: Error): void => console.error(`queue: ${error.message}`);
  const common = { queues: [evaluationQueue], maintenanceSeconds, onError };
  if (databaseUrl !== undefined) {
    const queue = await openJobQueue({ databaseUrl, ...common });
    return { queue, close: () => queue.close() };
  }
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
