/**
 * pg-boss as jobs use it here: they are fetched one at a time, and a worker that runs one says so every few seconds. A job whose
 * worker was killed is given to another one soon after.
 */
import { createHash } from "node:crypto";
import { checkValue, text as textCheck } from "@dynamo/core/options";
import { Client } from "pg";
import PgBoss from "pg-boss";
import { checkedQueue, inDatabase } from "./checked-queue.js";
import type { Database } from "./database.js";
import { checkQueueOptions } from "./queue-options.js";

/** Settings of one queue. */
export interface QueueSettings {
  readonly name: string;
  /** Of jobs with the same key, one waits there at a time. */
  readonly oneWaits?: boolean;
  /** Where jobs go that their workers did not survive so often. */
  readonly deadLetter?: string;
}

/** A job that a worker was given. */
export interface QueuedJob<Data> {
  readonly id: string;
  readonly data: Data;
}

/** Queues of jobs in a database. */
export interface JobQueue {
  readonly database: Database;
  /** Nothing when a job of this key waits already. */
  send(name: string, data: object, key: string): Promise<void>;
  /** Jobs of ids that are there already are not put in again. */
  insert(name: string, jobs: readonly QueuedJob<object>[]): Promise<void>;
  take<Data>(name: string): Promise<QueuedJob<Data> | undefined>;
  done(name: string, id: string, output?: object): Promise<void>;
  /** Those of these jobs that have ended, of at most 500 that are asked for first; their outputs are as they were given. */
  ended(name: string, ids: readonly string[]): Promise<readonly unknown[]>;
  /** Takes jobs away: those that failed or whose output has an `error`, or those that nobody has begun. */
  forget(name: string, ids: readonly string[], which: keyof typeof forgettable): Promise<void>;
  /** Back to the queue. */
  giveBack(name: string, id: string): Promise<void>;
  /** It is still being run, and got on or not; false when it is somebody else's by now. */
  touch(name: string, id: string, advanced: boolean): Promise<boolean>;
  /** Jobs of a process that does not live any more go back at once: for a database that one process has. */
  reclaim(): Promise<void>;
  close(): Promise<void>;
}

/** Seconds without a sign of life after which a job is somebody else's. */
export const jobSeconds = 30;
/** Attempts of a job that does not get on, after which it is given up. */
const mostAttempts = 4;
/** Where pg-boss has its tables. */
const jobSchema = "dynamo_jobs";
/** Inserted, asked for or taken away in one statement. */
const jobsAtOnce = 500;
const forgettable = { failed: "state = 'failed' OR output ? 'error'", waiting: "state IN ('created', 'retry')" };
/** Any number that no other program has. */
const tablesLock = 7_271_838;

/** Options of a job queue: one of the two databases. */
export interface JobQueueOptions {
  /** An embedded one. */
  readonly database?: Database | undefined;
  /** PostgreSQL's, without an embedded one. */
  readonly databaseUrl?: string | undefined;
  readonly queues: readonly QueueSettings[];
  /** Seconds between two looks for jobs whose worker is gone. */
  readonly maintenanceSeconds: number;
  readonly onError: (error: Error) => void;
}

/** Makes its tables and queues where there are none. Throws `runtime` with the database's error when it cannot be reached. */
export async function openJobQueue(options: JobQueueOptions): Promise<JobQueue> {
  checkQueueOptions(options);
  const queue = await inDatabase(() => openQueues(options));
  return checkedQueue(
    queue,
    options.queues.map(({ name }) => name),
  );
}

async function openQueues(options: JobQueueOptions): Promise<JobQueue> {
  const { database: embedded, databaseUrl, queues, maintenanceSeconds, onError } = options;
  const boss = new PgBoss({
    ...(embedded === undefined ? { connectionString: databaseUrl } : { db: embedded }),
    ...{ schema: jobSchema, schedule: false, max: 8, maintenanceIntervalSeconds: maintenanceSeconds },
  } as PgBoss.ConstructorOptions);
  boss.on("error", onError);
  const unlock = databaseUrl === undefined || embedded !== undefined ? undefined : await lockTables(databaseUrl);
  try {
    await boss.start();
    const common = { expireInSeconds: jobSeconds, retryLimit: mostAttempts, retryDelay: 0 };
    for (const { name, oneWaits = false, deadLetter } of queues)
      await boss.createQueue(name, {
        ...{ name, ...common },
        ...(oneWaits ? { policy: "short" as const } : {}),
        ...(deadLetter === undefined ? {} : { deadLetter }),
      });
  } catch (error) {
    await boss.stop({ graceful: false }).catch(() => undefined);
    throw error;
  } finally {
    await unlock?.();
  }
  return queueOf(boss, boss.getDb());
}

/** Processes that make the queues of a new database at the same time would run into deadlocks: one after the other. */
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

function queueOf(boss: PgBoss, database: Database): JobQueue {
  return {
    database,
    async send(name, data, key) {
      await boss.send(name, data, { singletonKey: key });
    },
    async insert(name, jobs) {
      for (let i = 0; i < jobs.length; i += jobsAtOnce)
        await boss.insert(jobs.slice(i, i + jobsAtOnce).map(({ id, data }) => ({ name, id, data })));
    },
    async take<Data>(name: string) {
      const [job] = await boss.fetch<Data>(name, { batchSize: 1 });
      return job;
    },
    done: (name, id, output) => boss.complete(name, id, output),
    async ended(name, ids) {
      const { rows } = await database.executeSql(
        `SELECT id::text, state::text, output FROM ${jobSchema}.job
         WHERE name = $1 AND id = ANY($2::uuid[]) AND state IN ('completed', 'failed')`,
        [name, ids.slice(0, jobsAtOnce)],
      );
      return rows;
    },
    async forget(name, ids, which) {
      for (let i = 0; i < ids.length; i += jobsAtOnce)
        await database.executeSql(
          `DELETE FROM ${jobSchema}.job WHERE name = $1 AND id = ANY($2::uuid[]) AND (${forgettable[which]})`,
          [name, ids.slice(i, i + jobsAtOnce)],
        );
    },
    giveBack: (name, id) => boss.fail(name, id),
    async touch(name, id, advanced) {
      // pg-boss 10 has no sign of life of its own: a job expires so long after it was begun, which is now.
      const { rows } = await database.executeSql(
        `UPDATE ${jobSchema}.job SET started_on = now(), retry_count = CASE WHEN $3::boolean THEN 0 ELSE retry_count END
         WHERE name = $1 AND id = $2::uuid AND state = 'active' RETURNING id`,
        [name, id, advanced],
      );
      return rows.length > 0;
    },
    async reclaim() {
      await database.executeSql(
        `UPDATE ${jobSchema}.job SET started_on = now() - expire_in - interval '1s' WHERE state = 'active'`,
      );
      await boss.expire();
    },
    close: () => boss.stop({ graceful: false }),
  };
}

/** The same text has the same id. */
export function jobId(text: string): string {
  checkValue("text", text, textCheck);
  const hex = createHash("sha256").update(text).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `5${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}
