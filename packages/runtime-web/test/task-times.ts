/** A page's main thread, traced: what its tasks took of the thread's own time, which a loaded machine does not stretch. */
import type { Browser, Page } from "playwright";

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds: since some start, and of the thread's own time. */
  readonly ts: number;
  readonly tdur?: number;
}

/** Milliseconds of each task from the page's `performance.mark("begin")` on, until `visit` has ended. */
export async function taskTimes(browser: Browser, page: Page, visit: () => Promise<unknown>): Promise<number[]> {
  await browser.startTracing(page, { categories: ["blink.user_timing", "disabled-by-default-devtools.timeline"] });
  await visit();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const begin = traceEvents.find(({ name }) => name === "begin");
  if (begin === undefined) throw new Error("the page has not begun");
  return traceEvents
    .filter(({ name, pid, tid, ts }) => name === "RunTask" && pid === begin.pid && tid === begin.tid && ts > begin.ts)
    .map(({ tdur = 0 }) => tdur / 1000);
}

/** Code of a page's task that takes long: what others are compared with. */
export const twentyMillionSines =
  "setTimeout(() => { let x = 1; for (let i = 0; i < 2e7; i++) x = Math.sin(x + i); window.sum = x; });";
