/** The database of batches: an embedded PostgreSQL in the data folder, as pg-boss wants one. */
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { DynamoError } from "@dynamo/core";
import { checkValue, folderCheck } from "@dynamo/core/options";
import { checkStatement } from "./checked-queue.js";
import { lockFolder } from "./folder-lock.js";
import type { Database } from "./queue.js";

/** A database in this process; the caller closes it. */
export interface EmbeddedDatabase extends Database {
  close(): Promise<void>;
}

export type ToDatabase =
  | { readonly kind: "run"; readonly id: number; readonly text: string; readonly values: unknown[] }
  | { readonly kind: "close" };

export type FromDatabase =
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly id: number; readonly rows: object[] }
  | { readonly kind: "failed"; readonly id: number; readonly message: string };

interface Waiting {
  readonly resolve: (result: { rows: object[] }) => void;
  readonly reject: (error: Error) => void;
}

/** In tests this file is the source, and the thread is what was built. */
const built = import.meta.url.endsWith(".ts") ? "../dist/pglite-thread.js" : "./pglite-thread.js";
const entry = new URL(built, import.meta.url);

/** Throws `invalid-argument` when another process has it open, `not-found` without the folder, `runtime` when it does not open. */
export async function openEmbedded(folder: string): Promise<EmbeddedDatabase> {
  checkValue("folder", folder, folderCheck);
  const lock = await lockFolder(folder);
  const thread = new Worker(entry, { workerData: { folder: join(folder, "database") } });
  const waiting = new Map<number, Waiting>();
  let next = 0;
  let end: Error | undefined;
  const ended = new Promise<void>((resolve) => thread.once("exit", () => resolve()));
  const fail = (error: Error): void => {
    end = new DynamoError("runtime", `the embedded database ended: ${error.message}`, { cause: error });
    for (const { reject } of waiting.values()) reject(end);
    waiting.clear();
  };
  thread.on("error", fail);
  thread.on("exit", (code) => {
    fail(new Error(`exit code ${code}`));
  });
  const ready = new Promise<void>((resolve, reject) => {
    thread.on("message", (message: FromDatabase) => {
      if (message.kind === "ready") resolve();
      else settle(waiting, message);
    });
    thread.once("error", reject);
    thread.once("exit", () => reject(new Error("it ended")));
  });
  await ready.catch(async (cause: unknown) => {
    await lock.release();
    throw new DynamoError("runtime", `the embedded database in ${folder} does not open: ${String(cause)}`, { cause });
  });
  return {
    executeSql: (text, values = []) =>
      new Promise((resolve, reject) => {
        checkStatement(text, values);
        if (end !== undefined) {
          reject(end);
          return;
        }
        const id = next++;
        post(thread, { kind: "run", id, text, values });
        waiting.set(id, { resolve, reject });
      }),
    async close() {
      thread.postMessage({ kind: "close" } satisfies ToDatabase);
      await ended;
      await lock.release();
    },
  };
}

/** Functions, for example, cannot be sent to another thread. */
function post(thread: Worker, message: ToDatabase): void {
  try {
    thread.postMessage(message);
  } catch (cause) {
    throw new DynamoError("invalid-argument", "values must be texts, numbers, flags, dates, bytes or plain JSON", {
      cause,
    });
  }
}

function settle(waiting: Map<number, Waiting>, message: Exclude<FromDatabase, { kind: "ready" }>): void {
  const found = waiting.get(message.id);
  waiting.delete(message.id);
  if (message.kind === "done") found?.resolve({ rows: message.rows });
  else found?.reject(new DynamoError("runtime", `the embedded database: ${message.message}`));
}
