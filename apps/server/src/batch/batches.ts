/** Files and batches of a server: its data folder, its database, and its own work on them. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DynamoError } from "@dynamo/core";
import { openEmbedded, type EmbeddedDatabase } from "@dynamo/jobs";
import type { FastifyRequest } from "fastify";
import { ApiError } from "../openai/errors.js";
import { batchStore, createBatchTables, type BatchStore } from "./batch-store.js";
import { openFileStore, type FileStore } from "./file-store.js";
import { openQueue, type BatchQueue } from "./queue.js";
import { startWorker, type BatchWorker, type WorkerOptions } from "./worker.js";

export interface BatchesOptions extends Pick<WorkerOptions, "run" | "log" | "linesAtOnce"> {
  readonly folder: string;
  /** PostgreSQL; undefined: an embedded one in the folder, for one process. */
  readonly databaseUrl: string | undefined;
  readonly ownerOf: (request: FastifyRequest) => string;
}

export interface Batches {
  readonly files: FileStore;
  readonly ownerOf: (request: FastifyRequest) => string;
  /** Throws ApiError 503 as long as the database cannot be reached. */
  store(): BatchStore;
  /** There is something to do with a batch. */
  begin(id: string): Promise<void>;
  close(patience: number): Promise<void>;
}

/** As OpenAI's. */
export const mostBatchLines = 50_000;
/** Seconds between two looks for jobs whose worker is gone. */
const maintenanceSeconds = 5;
/** Milliseconds before a database that cannot be reached is tried again. */
const reconnectMilliseconds = 3_000;

interface Opened {
  readonly store: BatchStore;
  readonly queue: BatchQueue;
  readonly worker: BatchWorker;
}

/** Rejects when the embedded database does not open; PostgreSQL is waited for, and what needs it is refused meanwhile. */
export async function openBatches(options: BatchesOptions): Promise<Batches> {
  const { folder, databaseUrl, ownerOf, log } = options;
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new DynamoError("not-found", `the data folder ${folder} cannot be made: ${messageOf(cause)}`, { cause });
  });
  const files = await openFileStore(join(folder, "files"));
  const embedded = databaseUrl === undefined ? await openEmbedded(folder) : undefined;
  const closing = new AbortController();
  let opened: Opened | undefined;
  let tried = (): void => undefined;
  const firstTry = new Promise<void>((resolve) => {
    tried = resolve;
  });
  const opening = (async () => {
    while (!closing.signal.aborted && opened === undefined) {
      try {
        opened = await open(options, files, embedded);
        log("info", "batches: the database is open");
        tried();
      } catch (error) {
        tried();
        if (embedded !== undefined) throw error;
        log("error", `batches: the database cannot be reached: ${messageOf(error)}`);
        await delay(reconnectMilliseconds, undefined, { signal: closing.signal }).catch(() => undefined);
      }
    }
  })();
  // A database that is there is open before the first request; one that is not keeps no server from starting.
  await (embedded === undefined ? firstTry : opening);
  const current = (): Opened => {
    if (opened !== undefined) return opened;
    throw new ApiError(503, "the database of batches cannot be reached", {
      code: "database_unavailable",
      retryAfter: 3,
    });
  };
  return {
    files,
    ownerOf,
    store: () => guarded(current().store),
    async begin(id) {
      const { queue, worker } = current();
      // When this is lost, whoever sweeps finds the batch.
      await queue.sendStep(id).catch((error: unknown) => log("error", `batches: ${messageOf(error)}`));
      worker.wake();
    },
    async close(patience) {
      closing.abort();
      await opening.catch(() => undefined);
      await opened?.worker.close(patience);
      await opened?.queue.jobs.close();
      await embedded?.close();
    },
  };
}

async function open(
  options: BatchesOptions,
  files: FileStore,
  embedded: EmbeddedDatabase | undefined,
): Promise<Opened> {
  const { log, databaseUrl, linesAtOnce, run } = options;
  const onError = (error: Error): void => log("error", `batches: ${error.message}`);
  const queue = await openQueue({ database: embedded, databaseUrl, maintenanceSeconds, onError });
  const { database } = queue.jobs;
  await createBatchTables(database);
  // Nobody else has this database: whoever was computing a job is dead.
  if (embedded !== undefined) await queue.jobs.reclaim();
  const store = batchStore(database);
  const worker = startWorker({ store, files, queue, linesAtOnce, run, log, mostLines: mostBatchLines });
  return { store, queue, worker };
}

/** The store as routes use it: what goes wrong in the database is 503, to be tried again. */
function guarded(store: BatchStore): BatchStore {
  const guard = async <Value>(work: Promise<Value>): Promise<Value> => {
    try {
      return await work;
    } catch (cause) {
      if (cause instanceof ApiError) throw cause;
      throw new ApiError(503, "the database of batches cannot be reached", {
        code: "database_unavailable",
        retryAfter: 3,
      });
    }
  };
  return {
    ...store,
    create: (batch) => guard(store.create(batch)),
    find: (id, owner) => guard(store.find(id, owner)),
    list: (...query) => guard(store.list(...query)),
    userOf: (fileId) => guard(store.userOf(fileId)),
    move: (...change) => guard(store.move(...change)),
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
