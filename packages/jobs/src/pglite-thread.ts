/** The embedded PostgreSQL in a thread of its own: it computes where it is called, and HTTP does not wait for it. */
import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import type { FromDatabase, ToDatabase } from "./database.js";

const database = await PGlite.create((workerData as { folder: string }).folder);
const send = (message: FromDatabase): void => parentPort?.postMessage(message);

async function run({ id, text, values }: Extract<ToDatabase, { kind: "run" }>): Promise<void> {
  try {
    const results = values.length > 0 ? [await database.query(text, values)] : await database.exec(text);
    send({ kind: "done", id, rows: (results.at(-1)?.rows ?? []) as object[] });
  } catch (error) {
    send({ kind: "failed", id, message: error instanceof Error ? error.message : String(error) });
  }
}

parentPort?.on("message", (message: ToDatabase) => {
  if (message.kind === "run") void run(message);
  else void database.close().finally(() => process.exit(0));
});
send({ kind: "ready" });
