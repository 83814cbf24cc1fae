/** Progress of long work on standard error: a bar on a terminal, a line now and then elsewhere. */
import { sizeText } from "@dynamo/core";
import { SingleBar } from "cli-progress";

export interface Progress {
  update(done: number, total: number, what: string): void;
  stop(): void;
}

/** Between two lines where there is no terminal. */
const lineMilliseconds = 10_000;

/** Of bytes, shown as sizes, or of so many of what `counted` names. */
export function startProgress(counted?: string): Progress {
  const shown = (n: number): string => (counted === undefined ? sizeText(n) : n.toFixed(0));
  const unit = counted === undefined ? "" : ` ${counted}`;
  if (!process.stderr.isTTY) {
    let last = Date.now();
    return {
      update(done, total, what) {
        if (Date.now() - last < lineMilliseconds) return;
        last = Date.now();
        console.error(`${what}: ${shown(done)} of ${shown(total)}${unit}`);
      },
      stop: () => undefined,
    };
  }
  const bar = new SingleBar({
    format: `{bar} {percentage} % | {shown} of {whole}${unit} | {what} | {eta_formatted} left`,
    hideCursor: true,
    clearOnComplete: true,
  });
  let started = false;
  return {
    update(done, total, what) {
      const payload = { what, shown: shown(done), whole: shown(total) };
      if (!started) bar.start(total, done, payload);
      started = true;
      bar.update(done, payload);
    },
    stop() {
      if (started) bar.stop();
      started = false;
    },
  };
}
