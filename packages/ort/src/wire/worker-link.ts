/** The calling end of an inference worker: typed calls, and the ones it owes an answer to. */
import { DynamoError } from "@dynamo/core";
import { memoryError } from "../session/errors.js";
import type { Answer, Call, Request, Values, WireTensor } from "./messages.js";

/** The caller's end of a worker. */
export interface WorkerLink {
  /** False once the worker has ended: its sessions are gone then. */
  readonly alive: boolean;
  /** Sends a request; calls are served in order. Rejects with the worker's DynamoError, or `runtime` when it ends. */
  call<K extends Request["kind"]>(request: Extract<Request, { kind: K }>): Promise<Values[K]>;
  /** Rejects what is under way, frees the sessions, and waits until the worker has ended. */
  close(): Promise<void>;
}

/** Calls that wait for their answers. */
export interface PendingCalls {
  readonly send: <K extends Request["kind"]>(request: Extract<Request, { kind: K }>) => Promise<Values[K]>;
  readonly settle: (answer: Answer) => void;
  readonly rejectAll: (error: DynamoError) => void;
}

/** What no thread can hand to another, as functions and symbols, is an argument's fault. */
function notCloned(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== "DataCloneError") return error;
  return new DynamoError("invalid-argument", `the worker cannot be sent what was given: ${error.message}`, {
    cause: error,
  });
}

/** The calls that a worker owes an answer to; `onBusy` is told when there begin to be some and when there are none left. */
export function pendingCalls(post: (call: Call) => void, onBusy: (busy: boolean) => void): PendingCalls {
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: DynamoError) => void }>();
  let nextId = 0;
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        const id = nextId++;
        try {
          post({ id, request });
        } catch (error) {
          // Tensors are copied on their way, and the memory for that may be missing.
          throw memoryError(error) ?? notCloned(error);
        }
        waiting.set(id, { resolve, reject });
        onBusy(true);
      }),
    settle(answer) {
      const call = waiting.get(answer.id);
      waiting.delete(answer.id);
      if (waiting.size === 0) onBusy(false);
      if ("error" in answer) call?.reject(new DynamoError(answer.error.code, answer.error.message));
      else call?.resolve(answer.value as never);
    },
    rejectAll(error) {
      const calls = [...waiting.values()];
      waiting.clear();
      onBusy(false);
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
