/** What the page costs before a model is loaded: files, bytes and turns of the network. `pnpm bench:page` has the times. */
import { expect, it } from "vitest";
import { describeSite, openPage } from "./browser.js";

/** No model: what is counted is the page. */
const query = "?model=https%3A%2F%2Felsewhere.example%2F";

/** Scripts and styles of the first paint, unpacked: React, Mantine, and what is ours; packed they are a quarter of it. */
const mostBytes = 1_000_000;

/** Scripts and styles that the page's first HTML names: the browser fetches them side by side. */
const mostFiles = 8;

describeSite("the budget", (_open, site) => {
  it("loads neither plots nor ONNX Runtime before they are needed, few files, and none behind another", async () => {
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
    const scripts = files.filter(({ name }) => /\.(js|css)$/.test(name));
    const html = await (await fetch(site().address)).text();
    expect(scripts.filter(({ name }) => !html.includes(new URL(name).pathname.replace(/^\.?\//, "")))).toEqual([]);
    expect(scripts.length).toBeGreaterThan(0);
    expect(scripts.length).toBeLessThanOrEqual(mostFiles);
  });
});
