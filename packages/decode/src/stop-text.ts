/** Stop strings over streamed text: what could still become one is held back, and the stop itself is never emitted. */

export interface StopText {
  /**
   * Text that may be emitted now; `stopped` once a stop string has come, and then nothing follows. A stop string that this
   * text does not `count` for, because it would end too early, is text like any other.
   */
  push(text: string, count?: boolean): { readonly text: string; readonly stopped: boolean };
  /** What was held back, when the text ends without a stop. */
  flush(): string;
}

export function createStopText(stops: readonly string[]): StopText {
  let held = "";
  return {
    push(text, count = true) {
      if (stops.length === 0) return { text, stopped: false };
      const before = held.length;
      held += text;
      // What was held back may hold a stop string that did not count: one that counts ends in this text.
      const begin = (stop: string): number => held.indexOf(stop, Math.max(0, before - stop.length + 1));
      const found = count ? stops.map(begin).filter((at) => at >= 0) : [];
      if (found.length > 0) {
        const ready = held.slice(0, Math.min(...found));
        held = "";
        return { text: ready, stopped: true };
      }
      const keep = Math.max(...stops.map((stop) => overlap(held, stop)));
      const ready = held.slice(0, held.length - keep);
      held = held.slice(held.length - keep);
      return { text: ready, stopped: false };
    },
    flush() {
      const rest = held;
      held = "";
      return rest;
    },
  };
}

/** The longest end of `text` that is a proper beginning of `stop`. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
