/** Progress of long work on standard error: a bar on a terminal, a line now and then elsewhere. */
import { SingleBar } from "cli-progress";

export interface Progress {
  update(done: number, total: number, what: string): void;
  stop(): void;
}

/** Between two lines where there is no terminal. */
const lineMilliseconds = 10_000;

/** Sizes and counts are shown in millions of `unit`. */
export function startProgress(unit: string): Progress {
  const million = (n: number): string => (n / 1e6).toFixed(1);
  if (!process.stderr.isTTY) {
    let last = Date.now();
    return {
      update(done, total, what) {
        if (Date.now() - last < lineMilliseconds) return;
        last = Date.now();
        console.error(`${what}: ${million(done)} of ${million(total)} ${unit}`);
      },
      stop: () => undefined,
    };
  }
  const bar = new SingleBar({
    format: `{bar} {percentage} % | {shown} of {whole} ${unit} | {what} | {eta_formatted} left`,
    hideCursor: true,
    clearOnComplete: true,
  });
  let started = false;
  return {
    update(done, total, what) {
      const payload = { what, shown: million(done), whole: million(total) };
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
