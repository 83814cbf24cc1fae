/** The GPU's process dies under a text, on WebGPU in software: the visitor is told, and the page writes again. */
import type { Browser } from "playwright-core";
import { expect, it } from "vitest";
import { describeSite, softwareGpu } from "./browser.js";
import { boxes, button, finished, ready } from "./page.js";

/** Chromium gives no page a GPU for a while after the second crash. */
const severalCrashes = ["--disable-domain-blocking-for-3d-apis", "--disable-gpu-process-crash-limit"];

async function crashGpu(browser: Browser): Promise<void> {
  const devtools = await browser.newBrowserCDPSession();
  // It answers nobody: the process that would is gone.
  void devtools.send("Browser.crashGpuProcess").catch(() => undefined);
}

describeSite(
  "a lost GPU",
  (open, site) => {
    it("ends the text with a message, and the next text is written", async () => {
      const page = await open("?device=webgpu&strategy=autoregressive&temperature=0&length=4");
      await ready(page);
      expect(await page.getByTestId("model-ready").textContent()).toContain("on webgpu");
      await button(page, "Write").click();
      await finished(page);
      const text = await boxes(page);
      expect(text).toHaveLength(4);

      await page.getByRole("textbox", { name: "Tokens to write" }).fill("300");
      await button(page, "Write").click();
      await page.waitForSelector("[data-pass='4']");
      await crashGpu(site().browser);
      await page.getByText(/the GPU's device was lost/).waitFor();
      await finished(page);
      expect((await boxes(page)).slice(0, 4)).toEqual(text);

      await page.getByRole("textbox", { name: "Tokens to write" }).fill("4");
      await button(page, "Write").click();
      await page.getByText(/the GPU's device was lost/).waitFor({ state: "hidden" });
      await finished(page);
      expect(await boxes(page)).toEqual(text);

      // The second time the model stays away until it is asked for.
      await crashGpu(site().browser);
      await page.getByRole("alert").filter({ hasText: "The model was lost" }).waitFor();
      await button(page, "Load again").click();
      await ready(page);
      await button(page, "Write").click();
      await finished(page);
      expect(await boxes(page)).toEqual(text);
    });
  },
  [...softwareGpu, ...severalCrashes],
);
