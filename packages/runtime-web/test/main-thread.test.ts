/** The page's main thread while a model loads and writes: no task of it takes longer than 50 ms. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium, type Browser } from "playwright";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { findChromium } from "./chromium.js";
import { publishedProject } from "./published.js";
import { example } from "./readme.js";
import { serveFolder } from "./static-server.js";

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds: since some start, and of the thread's own time, which a loaded machine does not stretch. */
  readonly ts: number;
  readonly tdur?: number;
}

/** The tasks' milliseconds on the thread that set the mark `begin`, from there on. */
function taskTimes(trace: readonly TraceEvent[]): number[] {
  const begin = trace.find(({ name }) => name === "begin");
  if (begin === undefined) throw new Error("the page has not begun");
  return trace
    .filter(({ name, pid, tid, ts }) => name === "RunTask" && pid === begin.pid && tid === begin.tid && ts > begin.ts)
    .map(({ tdur = 0 }) => tdur / 1000);
}

const executablePath = findChromium();

describe.skipIf(executablePath === undefined)("the page's main thread", { timeout: 120_000 }, () => {
  let browser: Browser;
  let project: ReturnType<typeof publishedProject>;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: executablePath ?? "", args: ["--no-sandbox"] });
    project = publishedProject();
  });
  afterAll(async () => {
    await browser.close();
    project.remove();
  });

  /** Tasks' times of the README's page, with `before` run in the middle of them. */
  async function trace(before = ""): Promise<number[]> {
    const begin = `performance.mark("begin"); ${before}\nconst model =`;
    const code = example("html").replace("const model =", begin);
    writeFileSync(join(project.folder, "index.html"), code.replace("</script>\n</body>", 'document.title = "done";$&'));
    const server = await serveFolder(project.folder);
    onTestFinished(() => server.close());
    const page = await browser.newPage();
    onTestFinished(() => page.close());
    await browser.startTracing(page, { categories: ["blink.user_timing", "disabled-by-default-devtools.timeline"] });
    await page.goto(server.address);
    await page.waitForFunction(() => document.title === "done", undefined, { timeout: 60_000 });
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
    return taskTimes(traceEvents);
  }

  test("no task takes 50 ms while the embedded model loads on wasm and writes 100 tokens", async () => {
    const times = await trace();
    const longest = Math.max(...times);
    process.stdout.write(`the page's main thread: ${times.length} tasks, the longest ${longest.toFixed(1)} ms\n`);
    expect(times.length).toBeGreaterThan(50);
    expect(longest).toBeGreaterThan(0);
    expect(longest).toBeLessThan(50);
  });

  // Work, not a span of time: on a loaded machine a second can be a few milliseconds of this thread.
  test("a task that is too long would be seen", async () => {
    const busy =
      "await 0; setTimeout(() => { let x = 1; for (let i = 0; i < 2e7; i++) x = Math.sin(x + i); window.sum = x; });";
    expect(Math.max(...(await trace(busy)))).toBeGreaterThan(50);
  });
});
