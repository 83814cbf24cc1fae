/** Ctrl-C: the first one stops cleanly through a signal, the second one at once; a verb may have a way of its own. */
import { exitCodes } from "./exit-codes.js";

export interface Interrupts {
  /** Fires on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** From now on SIGINT calls `handler` instead. */
  redirect(handler: () => void): void;
}

export function listenForInterrupts(): Interrupts {
  const controller = new AbortController();
  let redirected: (() => void) | undefined;
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort();
  };
  process.on("SIGINT", () => {
    (redirected ?? stop)();
  });
  process.on("SIGTERM", stop);
  return {
    signal: controller.signal,
    redirect(handler) {
      redirected = handler;
    },
  };
}
