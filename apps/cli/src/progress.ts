/** Progress of long work on standard error: a bar on a terminal, a line now and then elsewhere. */
import { SingleBar } from "cli-progress";

export interface Progress {
  update(done: number, total: number, what: string): void;
  stop(): void;
}

/** Between two lines where there is no terminal. */
const lineMilliseconds = 10_000;

/** Sizes and counts are shown in millions of `unit`, or by another scale; a scale of 1 shows whole numbers. */
export function startProgress(unit: string, { scale = 1e6 }: { readonly scale?: number } = {}): Progress {
  const scaled = (n: number): string => (n / scale).toFixed(scale === 1 ? 0 : 1);
  if (!process.stderr.isTTY) {
    let last = Date.now();
    return {
      update(done, total, what) {
        if (Date.now() - last < lineMilliseconds) return;
        last = Date.now();
        console.error(`${what}: ${scaled(done)} of ${scaled(total)} ${unit}`);
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
      const payload = { what, shown: scaled(done), whole: scaled(total) };
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
