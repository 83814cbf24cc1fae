/** A pause before the next try that a stop cuts short, in Node, Deno and browsers. */
import { abortSignal, checkValue, numberFrom } from "../value-checks.js";

const millisecondsCheck = numberFrom(0);

/** Resolves after so many milliseconds, or when the signal fires; at once when it has. */
export function waited(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  checkValue("milliseconds", milliseconds, millisecondsCheck);
  if (signal !== undefined) checkValue("signal", signal, abortSignal);
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener("abort", end);
  });
}
