/** Waiting for code that may never answer. */
import { abortedError } from "@dynamo/core";

/** Settles as the promise does, or rejects with `aborted` as soon as the signal fires; what comes late is dropped. */
export async function unlessAborted<Result>(promise: PromiseLike<Result>, signal: AbortSignal): Promise<Result> {
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => {
      reject(abortedError(signal));
    };
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Calls `act` when the signal fires, or at once when it has. Returns what takes that back. */
export function onAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal?.aborted === true) act();
  else signal?.addEventListener("abort", act, { once: true });
  return () => signal?.removeEventListener("abort", act);
}

/** Of this realm or another, or of a library. */
export const isPromise = <Result>(value: Result | PromiseLike<Result>): value is PromiseLike<Result> =>
  typeof (value as PromiseLike<Result> | null | undefined)?.then === "function";
