/**
 * pg-boss as the batches use it: jobs are fetched one at a time, and a worker that computes one says so every few seconds.
 * A job whose worker was killed is given to another one soon after.
 */
import { createHash } from "node:crypto";
import { Client } from "pg";
import PgBoss from "pg-boss";
import type { Part } from "./check-input.js";
import type { Database } from "./database.js";

/** What to do next with a batch, a part of one, and a part that its workers did not survive. */
export const queues = { step: "dynamo-batch", part: "dynamo-part", lost: "dynamo-part-lost" } as const;

export interface StepJob {
  readonly batch: string;
}
export interface PartJob extends StepJob, Part {}

export interface QueuedJob<Data> {
  readonly id: string;
  readonly data: Data;
}

export interface BatchQueue {
  /** Nothing when the batch is in the queue already. */
  sendStep(batch: string): Promise<void>;
  /** The same parts may be sent twice. */
  sendParts(batch: string, parts: readonly Part[]): Promise<void>;
  take<Data>(name: string): Promise<QueuedJob<Data> | undefined>;
  done(name: string, id: string): Promise<void>;
  /** Back to the queue. */
  giveBack(name: string, id: string): Promise<void>;
  /** It is still being computed, with new lines or without; false when it is somebody else's by now. */
  touch(name: string, id: string, advanced: boolean): Promise<boolean>;
  /** Jobs of a process that does not live any more go back at once: for a database that one process has. */
  reclaim(): Promise<void>;
  close(): Promise<void>;
}

/** Seconds without a sign of life after which a job is somebody else's. */
export const jobSeconds = 30;
/** Attempts of a part without a single new line, after which its other lines are given up. */
const mostAttempts = 4;
const schema = "dynamo_jobs";
const partsPerInsert = 500;
/** Any number that no other program has. */
const tablesLock = 7_271_838;

export interface QueueOptions {
  readonly database: Database | undefined;
  readonly databaseUrl: string | undefined;
  /** Seconds between two looks for jobs whose worker is gone. */
  readonly maintenanceSeconds: number;
  readonly onError: (error: Error) => void;
}

export async function openQueue(options: QueueOptions): Promise<{ queue: BatchQueue; database: Database }> {
  const { database: embedded, databaseUrl, maintenanceSeconds, onError } = options;
  const boss = new PgBoss({
    ...(embedded === undefined ? { connectionString: databaseUrl } : { db: embedded }),
    ...{ schema, schedule: false, max: 8, maintenanceIntervalSeconds: maintenanceSeconds },
  } as PgBoss.ConstructorOptions);
  boss.on("error", onError);
  const unlock = databaseUrl === undefined ? undefined : await lockTables(databaseUrl);
  try {
    await boss.start();
    await makeQueues(boss);
  } catch (error) {
    await boss.stop({ graceful: false }).catch(() => undefined);
    throw error;
  } finally {
    await unlock?.();
  }
  const database = boss.getDb();
  return { queue: queueOf(boss, database), database };
}

/** Servers that make the queues of a new database at the same time would run into deadlocks: one after the other. */
async function lockTables(connectionString: string): Promise<() => Promise<void>> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 10_000 });
  // Without a listener a connection that breaks would end the process.
  client.on("error", () => undefined);
  await client.connect();
  const unlock = (): Promise<void> => client.end();
  await client.query("SELECT pg_advisory_lock($1)", [tablesLock]).catch(async (error: unknown) => {
    await unlock();
    throw error;
  });
  return unlock;
}

async function makeQueues(boss: PgBoss): Promise<void> {
  const common = { expireInSeconds: jobSeconds, retryLimit: mostAttempts, retryDelay: 0 };
  await boss.createQueue(queues.lost, { name: queues.lost, ...common });
  await boss.createQueue(queues.part, { name: queues.part, ...common, deadLetter: queues.lost });
  // "short": a batch waits there once.
  await boss.createQueue(queues.step, { name: queues.step, ...common, policy: "short" });
}

function queueOf(boss: PgBoss, database: Database): BatchQueue {
  return {
    async sendStep(batch) {
      await boss.send(queues.step, { batch } satisfies StepJob, { singletonKey: batch });
    },
    async sendParts(batch, parts) {
      for (let i = 0; i < parts.length; i += partsPerInsert) {
        await boss.insert(
          parts.slice(i, i + partsPerInsert).map((part) => ({
            ...{ name: queues.part, id: partId(batch, part.first), data: { batch, ...part } satisfies PartJob },
          })),
        );
      }
    },
    async take<Data>(name: string) {
      const [job] = await boss.fetch<Data>(name, { batchSize: 1 });
      return job;
    },
    done: (name, id) => boss.complete(name, id),
    giveBack: (name, id) => boss.fail(name, id),
    async touch(name, id, advanced) {
      // pg-boss 10 has no sign of life of its own: a job expires so long after it was begun, which is now.
      const { rows } = await database.executeSql(
        `UPDATE ${schema}.job SET started_on = now(), retry_count = CASE WHEN $3::boolean THEN 0 ELSE retry_count END
         WHERE name = $1 AND id = $2::uuid AND state = 'active' RETURNING id`,
        [name, id, advanced],
      );
      return rows.length > 0;
    },
    async reclaim() {
      await database.executeSql(
        `UPDATE ${schema}.job SET started_on = now() - expire_in - interval '1s' WHERE state = 'active'`,
      );
      await boss.expire();
    },
    close: () => boss.stop({ graceful: false }),
  };
}

/** The same part has the same id. */
function partId(batch: string, first: number): string {
  const hex = createHash("sha256").update(`${batch}/${first}`).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `5${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}
