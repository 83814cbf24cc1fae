/**
 * pg-boss as jobs use it here: they are fetched one at a time, and a worker that runs one says so every few seconds. A job whose
 * worker was killed is given to another one soon after.
 */
import { createHash } from "node:crypto";
import { checkValue, text as textCheck } from "@dynamo/core/options";
import { Client } from "pg";
import PgBoss from "pg-boss";
import { checkedQueue, inDatabase } from "./checked-queue.js";
import { checkQueueOptions } from "./queue-options.js";
import type { Database, Forgettable, JobQueue, JobQueueOptions } from "./queue.js";

/** Seconds without a sign of life after which a job is somebody else's. */
export const jobSeconds = 30;
/** Attempts of a job that does not get on, after which it is given up. */
const mostAttempts = 4;
/** Where pg-boss has its tables. */
const jobSchema = "dynamo_jobs";
/** Inserted, asked for or taken away in one statement. */
const jobsAtOnce = 500;
const forgettable: Readonly<Record<Forgettable, string>> = {
  failed: "state = 'failed' OR output ? 'error'",
  waiting: "state IN ('created', 'retry')",
};
/** Any number that no other program has. */
const tablesLock = 7_271_838;

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
