/** The main thread's end of the inference worker: typed calls, a worker that never keeps the process alive, crashes. */
import { Worker } from "node:worker_threads";
import { DynamoError } from "@dynamo/core";
import { memoryError } from "./engine-errors.js";
import type { EngineSettings, FromWorker, Request, ToWorker, Values, WireTensor, WorkerData } from "./protocol.js";
import { createState, finishBeforeExit, requestStop } from "./worker-state.js";

export interface WorkerLink {
  /** False once the worker has ended: its sessions are gone then. */
  readonly alive: boolean;
  /** Sends a request; calls are served in order. Rejects with the worker's DynamoError, or `runtime` when it ends. */
  call<K extends Request["kind"]>(request: Extract<Request, { kind: K }>): Promise<Values[K]>;
  /** Rejects what is under way, frees the sessions, and waits until the worker has ended. */
  close(): Promise<void>;
}

/** From sources (tests) the built worker is used: Node 20 loads no TypeScript. */
const workerUrl = new URL(import.meta.url.endsWith(".ts") ? "../dist/worker.js" : "./worker.js", import.meta.url);

/** Starts a worker. `onEnd` is told why, when it ends without having been closed. */
export function startWorker(settings: EngineSettings, onEnd: (reason: string) => void): WorkerLink {
  const state = createState();
  // No flags are inherited: test runners and debuggers pass some that would keep the built worker from loading.
  const options = { workerData: { settings, state } satisfies WorkerData, execArgv: [], name: "dynamo-inference" };
  const worker = new Worker(workerUrl, options);
  const calls = pendingCalls(worker);
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

interface PendingCalls {
  readonly send: <K extends Request["kind"]>(request: Extract<Request, { kind: K }>) => Promise<Values[K]>;
  readonly settle: (message: FromWorker) => void;
  readonly rejectAll: (error: DynamoError) => void;
}

/** The calls that a worker owes an answer to. While there are none, it does not keep the process alive. */
function pendingCalls(worker: Worker): PendingCalls {
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: DynamoError) => void }>();
  let nextId = 0;
  worker.unref();
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        const id = nextId++;
        try {
          worker.postMessage({ id, request } satisfies ToWorker);
        } catch (error) {
          // Tensors are copied on their way, and the memory for that may be missing.
          throw memoryError(error) ?? error;
        }
        waiting.set(id, { resolve, reject });
        worker.ref();
      }),
    settle(message) {
      const call = waiting.get(message.id);
      waiting.delete(message.id);
      if (waiting.size === 0) worker.unref();
      if ("error" in message) call?.reject(new DynamoError(message.error.code, message.error.message));
      else call?.resolve(message.value as never);
    },
    rejectAll(error) {
      const calls = [...waiting.values()];
      waiting.clear();
      worker.unref();
      for (const { reject } of calls) reject(error);
    },
  };
}

/** A tensor as it goes to the worker: inputs are small and stay the caller's, so they are copied. */
export function wireTensor({ dtype, dims, data }: WireTensor): WireTensor {
  // Structured clone would copy all of a view's buffer, and share a SharedArrayBuffer, which ONNX Runtime cannot read.
  const whole = data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength;
  return { dtype, dims, data: whole ? data : data.slice() };
}
