/** Without a network: what is missing is told, what was written stays, and with the network all goes on. */
import { expect, it } from "vitest";
import { describeSite } from "./browser.js";
import { boxes, button, chooseModel, finished, ready } from "./page.js";

/** Chromium's own words for a request that failed. */
const expected = /net::ERR_INTERNET_DISCONNECTED/;

describeSite("offline", (open) => {
  it("says which file of a model cannot be loaded, keeps the text, and loads it when asked again", async () => {
    const page = await open("?device=wasm&length=12", { expected });
    await ready(page);
    await button(page, "Write").click();
    await finished(page);
    const text = await boxes(page);
    await page.context().setOffline(true);
    await chooseModel(page, /base model/);
    await page.getByText(/stories-base\/config\.json cannot be loaded: no network/).waitFor();
    expect(await boxes(page)).toEqual(text);
    await page.context().setOffline(false);
    await button(page, "Try again").click();
    await ready(page);
    expect(await page.getByTestId("model-ready").textContent()).toContain("one head");
    expect(await boxes(page)).toEqual(text);
  });

  it("opens after one visit with its embedded model, in several threads, and writes the same text", async () => {
    const page = await open("?device=wasm&length=12", { expected });
    await ready(page);
    await button(page, "Write").click();
    await finished(page);
    const text = await boxes(page);
    // The service worker has taken over, and has the runtime's file.
    await page.waitForFunction(async () => {
      for (const name of await caches.keys()) {
        const kept = await (await caches.open(name)).keys();
        if (kept.some(({ url }) => url.endsWith(".wasm"))) return true;
      }
      return false;
    });
    await page.context().setOffline(true);
    await page.reload();
    await ready(page);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    await button(page, "Write").click();
    await finished(page);
    expect(await boxes(page)).toEqual(text);
    await page.getByRole("tab", { name: "Look inside" }).click();
    await page.waitForSelector(".plot svg");
  });
});
