/** The main thread's end of the inference worker: typed calls, a worker that never keeps the process alive, crashes. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { DynamoError } from "@dynamo/core";
import { pendingCalls, type Call, type WorkerLink } from "@dynamo/ort";
import type { EngineSettings, WorkerData } from "./settings.js";
import { createState, finishBeforeExit, requestStop } from "./worker-state.js";

export type ToWorker = Call | { readonly shutdown: true };

/** From sources (tests) the built worker is used: Node 20 loads no TypeScript. */
const workerUrl = new URL(import.meta.url.endsWith(".ts") ? "../dist/worker.js" : "./worker.js", import.meta.url);

/** Starts a worker. `onEnd` is told why, when it ends without having been closed. Throws `not-found` where its file is missing. */
export function startWorker(settings: EngineSettings, onEnd: (reason: string) => void): WorkerLink {
  checkWorker();
  const state = createState();
  // No flags are inherited: test runners and debuggers pass some that would keep the built worker from loading.
  const options = { workerData: { settings, state } satisfies WorkerData, execArgv: [], name: "dynamo-inference" };
  const worker = new Worker(workerUrl, options);
  // While it owes no answer, it does not keep the process alive.
  const calls = pendingCalls(
    (call) => {
      worker.postMessage(call);
    },
    (busy) => {
      if (busy) worker.ref();
      else worker.unref();
    },
  );
  worker.unref();
  const forget = finishBeforeExit(state);
  let alive = true;
  let closing: Promise<void> | undefined;
  let cause: unknown;

  worker.on("message", calls.settle);
  worker.on("error", (error) => {
    cause = error;
  });
  const ended = new Promise<void>((resolve) => {
    worker.on("exit", (code) => {
      alive = false;
      forget();
      const reason = `the inference worker ended unexpectedly (exit code ${code}${cause instanceof Error ? `, ${cause.message}` : ""})`;
      calls.rejectAll(new DynamoError("runtime", `${reason}; its sessions are gone, create them again`, { cause }));
      if (closing === undefined) onEnd(reason);
      resolve();
    });
  });

  return {
    get alive() {
      return alive;
    },
    call(request) {
      if (closing !== undefined)
        return Promise.reject(new DynamoError("invalid-argument", "the runtime has been disposed"));
      if (alive) return calls.send(request);
      const message = "this session's inference worker has ended; create the session again";
      return Promise.reject(new DynamoError("runtime", message));
    },
    close() {
      if (closing !== undefined || !alive) return closing ?? Promise.resolve();
      closing = ended;
      calls.rejectAll(new DynamoError("runtime", "the runtime has been disposed"));
      requestStop(state);
      worker.postMessage({ shutdown: true } satisfies ToWorker);
      worker.ref();
      return ended;
    },
  };
}

function checkWorker(): void {
  const file = fileURLToPath(workerUrl);
  if (existsSync(file)) return;
  const remedy = "a bundler must leave @dynamo/runtime-node out of the bundle (external)";
  throw new DynamoError("not-found", `the inference worker is missing at ${file}: ${remedy}`);
}
