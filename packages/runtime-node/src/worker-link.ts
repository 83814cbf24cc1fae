/** The main thread's end of the inference worker: typed calls, a worker that never keeps the process alive, crashes. */
import { Worker } from "node:worker_threads";
import { DynamoError, type TypedArray } from "@dynamo/core";
import type { EngineSettings, FromWorker, Request, ToWorker, Values, WireTensor, WorkerData } from "./protocol.js";

export interface WorkerLink {
  /** False once the worker has ended: its sessions are gone then. */
  readonly alive: boolean;
  /** Sends a request; calls are served in order. Rejects with the worker's DynamoError, or `runtime` when it ends. */
  call<K extends Request["kind"]>(request: Extract<Request, { kind: K }>): Promise<Values[K]>;
  /** Rejects what is under way, frees the sessions, and waits until the worker has ended. */
  close(): Promise<void>;
}

interface Waiting {
  resolve(value: Values[keyof Values]): void;
  reject(error: DynamoError): void;
}

/** From sources (tests) the built worker is used: Node 20 loads no TypeScript. */
const workerUrl = new URL(import.meta.url.endsWith(".ts") ? "../dist/worker.js" : "./worker.js", import.meta.url);

/** Starts a worker. `onEnd` is told why, when it ends without having been closed. */
export function startWorker(settings: EngineSettings, onEnd: (reason: string) => void): WorkerLink {
  const stop = new SharedArrayBuffer(4);
  // No flags are inherited: test runners and debuggers pass some that would keep the built worker from loading.
  const worker = new Worker(workerUrl, { workerData: { settings, stop } satisfies WorkerData, execArgv: [], name: "dynamo-inference" });
  const waiting = new Map<number, Waiting>();
  let nextId = 0;
  let alive = true;
  let closing: Promise<void> | undefined;
  let cause: unknown;
  worker.unref();

  function settle(id: number): Waiting | undefined {
    const call = waiting.get(id);
    waiting.delete(id);
    // While nobody waits, the worker must not keep the process alive.
    if (waiting.size === 0) worker.unref();
    return call;
  }

  function rejectAll(error: DynamoError): void {
    for (const id of [...waiting.keys()]) settle(id)?.reject(error);
  }

  worker.on("message", (message: FromWorker) => {
    const call = settle(message.id);
    if ("error" in message) call?.reject(new DynamoError(message.error.code, message.error.message));
    else call?.resolve(message.value);
  });
  worker.on("error", (error) => {
    cause = error;
  });
  const ended = new Promise<void>((resolve) => {
    worker.on("exit", (code) => {
      alive = false;
      const reason = `the inference worker ended unexpectedly (exit code ${code}${cause instanceof Error ? `, ${cause.message}` : ""})`;
      rejectAll(new DynamoError("runtime", `${reason}; its sessions are gone, create them again`, { cause }));
      if (closing === undefined) onEnd(reason);
      resolve();
    });
  });

  return {
    get alive() {
      return alive;
    },
    call(request) {
      if (closing !== undefined) return Promise.reject(new DynamoError("invalid-argument", "the runtime has been disposed"));
      if (!alive) {
        return Promise.reject(new DynamoError("runtime", "this session's inference worker has ended; create the session again"));
      }
      return new Promise((resolve, reject) => {
        const id = nextId++;
        worker.postMessage({ id, request } satisfies ToWorker);
        waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
        worker.ref();
      });
    },
    close() {
      if (closing !== undefined || !alive) return closing ?? Promise.resolve();
      closing = ended;
      rejectAll(new DynamoError("runtime", "the runtime has been disposed"));
      Atomics.store(new Int32Array(stop), 0, 1);
      worker.postMessage({ shutdown: true } satisfies ToWorker);
      worker.ref();
      return ended;
    },
  };
}

/** A tensor as it goes to the worker: inputs are small and stay the caller's, so they are copied. */
export function wireTensor({ dtype, dims, data }: WireTensor): WireTensor {
  // Structured clone would copy all of a view's buffer, and share a SharedArrayBuffer, which ONNX Runtime cannot read.
  const whole = data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength;
  return { dtype, dims, data: whole ? data : (data.slice() as TypedArray) };
}
