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
import { taskTimes, twentyMillionSines } from "./task-times.js";

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
    return taskTimes(browser, page, async () => {
      await page.goto(server.address);
      await page.waitForFunction(() => document.title === "done", undefined, { timeout: hangLimit });
    });
  }

  // In units of work, which a slow or busy machine does not change: both are the page's thread's own time.
  test("no task is long while the embedded model loads on wasm and writes 100 tokens", async () => {
    const busy = `await 0; ${twentyMillionSines}`;
    const [times, withBusy] = [await trace(), await trace(busy)];
    const [longest, sines] = [Math.max(...times), Math.max(...withBusy)];
    process.stdout.write(
      `the page's main thread: ${times.length} tasks, the longest ${longest.toFixed(1)} ms; 20 million sines ${sines.toFixed(1)} ms\n`,
    );
    expect(times.length).toBeGreaterThan(50);
    expect(longest).toBeGreaterThan(0);
    // A task that is too long is seen: the sines are one.
    expect(longest).toBeLessThan(sines / 4);
  });
});
