/**
 * The one limit of time that a test asserts: from a local static server, before a model is loaded, the page is painted
 * within 1.5 s and answers within 3 s; its first files stay small. The best of three loads counts, as machines are noisy.
 */
import { expect, it } from "vitest";
import { describeSite, openPage, type Site } from "./browser.js";

/** No model: what is measured is the page. */
const query = "?model=https%3A%2F%2Felsewhere.example%2F";

/** Scripts and styles of the first paint, unpacked: React, Mantine, and what is ours; packed they are a quarter of it. */
const mostBytes = 1_000_000;

interface Load {
  readonly firstPaint: number;
  /** The end of the last long task before two quiet seconds, or the moment at which the page had drawn itself. */
  readonly interactive: number;
}

async function load(site: Site): Promise<Load> {
  const { page } = await openPage(site, query);
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

describeSite("the budget", (_open, site) => {
  it("first paint within 1.5 s, interactive within 3 s", async () => {
    const loads = [await load(site()), await load(site()), await load(site())];
    expect(Math.min(...loads.map(({ firstPaint }) => firstPaint))).toBeLessThan(1500);
    expect(Math.min(...loads.map(({ interactive }) => interactive))).toBeLessThan(3000);
  });

  it("loads neither plots nor ONNX Runtime before they are needed", async () => {
    const { page } = await openPage(site(), query);
    await page.getByRole("textbox", { name: "Prompt" }).waitFor();
    const files = await page.evaluate(() =>
      (performance.getEntriesByType("resource") as PerformanceResourceTiming[]).map(({ name, decodedBodySize }) => ({
        name,
        bytes: decodedBodySize,
      })),
    );
    expect(files.filter(({ name }) => /plot|view|worker|wasm|onnx|models/.test(name))).toEqual([]);
    expect(files.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(mostBytes);
  });
});
