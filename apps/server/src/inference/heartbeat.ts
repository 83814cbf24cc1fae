/** Whether a process lives: it says so regularly, and somebody looks as often. */

export type Pulse = "alive" | "silent" | "hung";

export interface Heartbeat {
  /** It said something. */
  readonly heard: () => void;
  /** Called regularly. Silent at three tenths of the looks that a hanging process gets. */
  readonly look: () => Pulse;
}

/** Looks without a sign of life after which a process hangs. */
const looksToHang = 10;
const looksToSilence = 3;

/** Milliseconds between two looks, and at most between two signs of life, for a limit in milliseconds. */
export const lookInterval = (limit: number): number => Math.max(1, Math.round(limit / looksToHang));

/**
 * Counts looks and not time: between two of them the event loop reads what has arrived. A server that was itself stopped for a
 * while, or whose machine slept, blames nobody for it.
 */
export function heartbeat(): Heartbeat {
  let missed = 0;
  return {
    heard() {
      missed = 0;
    },
    look() {
      missed++;
      if (missed >= looksToHang) return "hung";
      return missed >= looksToSilence ? "silent" : "alive";
    },
  };
}
