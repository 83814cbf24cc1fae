/** The page's main thread while a model loads and writes: no task of it takes longer than 50 ms. */
import { hangLimit } from "@dynamo/build/vitest";
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

describe.skipIf(executablePath === undefined)("the page's main thread", () => {
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
    await page.waitForFunction(() => document.title === "done", undefined, { timeout: hangLimit });
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
    return taskTimes(traceEvents);
  }

  // In units of work, which a slow or busy machine does not change: both are the page's thread's own time.
  test("no task is long while the embedded model loads on wasm and writes 100 tokens", async () => {
    const busy =
      "await 0; setTimeout(() => { let x = 1; for (let i = 0; i < 2e7; i++) x = Math.sin(x + i); window.sum = x; });";
    const [times, withBusy] = [await trace(), await trace(busy)];
    const [longest, twentyMillionSines] = [Math.max(...times), Math.max(...withBusy)];
    process.stdout.write(
      `the page's main thread: ${times.length} tasks, the longest ${longest.toFixed(1)} ms; 20 million sines ${twentyMillionSines.toFixed(1)} ms\n`,
    );
    expect(times.length).toBeGreaterThan(50);
    expect(longest).toBeGreaterThan(0);
    // A task that is too long is seen: the sines are one.
    expect(longest).toBeLessThan(twentyMillionSines / 4);
  });
});
