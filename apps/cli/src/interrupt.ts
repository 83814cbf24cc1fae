/** Ctrl-C: the first one stops cleanly through a signal, the second one at once. */
import { exitCodes } from "./exit-codes.js";

/** A signal that fires on SIGINT and SIGTERM. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return controller.signal;
}
