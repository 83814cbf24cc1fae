/** How long a visitor waits for the page, before a model is loaded: first paint, and the end of the last long task. */
import { describe, it } from "vitest";
import { chromiumPath, openPage, openSite, type Site } from "../browser.js";

const loads = 5;

const executable = chromiumPath();
if (executable === undefined) throw new Error("no Chromium was found: install one, or name it in DYNAMO_CHROMIUM");

interface Load {
  readonly firstPaint: number;
  /** The end of the last long task before two quiet seconds, or the moment at which the page had drawn itself. */
  readonly interactive: number;
}

async function load(site: Site): Promise<Load> {
  const { page } = await openPage(site, "?model=https%3A%2F%2Felsewhere.example%2F");
  await page.getByRole("textbox", { name: "Prompt" }).waitFor();
  const drawn = await page.evaluate(() => performance.now());
  await page.waitForTimeout(2000);
  return page.evaluate(async (shown) => {
    const entries = (type: string): Promise<PerformanceEntry[]> =>
      new Promise((resolve) => {
        new PerformanceObserver((list) => resolve(list.getEntries())).observe({ type, buffered: true });
        setTimeout(() => resolve([]), 500);
      });
    const paints = await entries("paint");
    const tasks = await entries("longtask");
    return {
      firstPaint: paints.find(({ name }) => name === "first-contentful-paint")?.startTime ?? Infinity,
      interactive: Math.max(shown, ...tasks.map(({ startTime, duration }) => startTime + duration)),
    };
  }, drawn);
}

describe("the page", () => {
  it(`loaded ${loads} times from a local server, milliseconds`, async () => {
    const site = await openSite(executable);
    try {
      for (let i = 0; i < loads; i++) {
        const { firstPaint, interactive } = await load(site);
        process.stdout.write(`first paint ${firstPaint.toFixed(0)}, interactive ${interactive.toFixed(0)}\n`);
      }
    } finally {
      await site.close();
    }
  });
});
