/** axe finds nothing serious in any view: light and dark, as the system asks for, on a desk and on a phone. */
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { findings } from "./axe.js";
import { describeSite } from "./browser.js";
import { button, chooseModel, fillView, finished, viewNames } from "./page.js";

const scheme = (page: Page): Promise<string | null> => page.locator("html").getAttribute("data-mantine-color-scheme");

describeSite("accessibility", (open) => {
  for (const dark of [false, true]) {
    for (const phone of [false, true]) {
      it(`${dark ? "dark" : "light"}, on a ${phone ? "phone" : "desk"}`, async () => {
        const page = await open("?device=wasm&length=18&run=1", { dark, phone });
        expect(await scheme(page)).toBe(dark ? "dark" : "light");
        await finished(page);
        expect(await findings(page), "Write").toEqual([]);
        for (const view of await viewNames(page)) {
          await fillView(page, view);
          expect(await findings(page), view).toEqual([]);
        }
        if (!phone) return;
        await button(page, "Settings").click();
        await page.getByRole("combobox", { name: "Model" }).waitFor();
        expect(await findings(page), "Settings").toEqual([]);
      });
    }
  }

  it("messages, dialogs and choices", async () => {
    const page = await open("?device=wasm&model=stories-base&strategy=plugin", { dark: true });
    await page.getByText("One head only").first().waitFor();
    expect(await findings(page), "one head").toEqual([]);
    const module = { name: "mine.js", mimeType: "text/javascript", buffer: Buffer.from("export const strategy = 1;") };
    await page.locator("input[type=file][accept*=js]").setInputFiles(module);
    await page.getByRole("dialog").waitFor();
    expect(await findings(page), "warning").toEqual([]);
    await button(page, "Run it").click();
    await page.getByText("received exports strategy and no default").waitFor();
    await chooseModel(page, /another/);
    await page.getByLabel("Model folder", { exact: true }).evaluate((input: HTMLInputElement) => {
      const files = new DataTransfer();
      files.items.add(new File([""], "config.json"));
      input.files = files.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
    await page.getByText("config.json is empty").waitFor();
    expect(await findings(page), "errors").toEqual([]);
  });

  it("follows the system's colours until the visitor chooses", async () => {
    const page = await open("?model=https%3A%2F%2Felsewhere.example%2F");
    await page.emulateMedia({ colorScheme: "dark" });
    await expect.poll(() => scheme(page)).toBe("dark");
    await button(page, "Light colours").click();
    await expect.poll(() => scheme(page)).toBe("light");
    await page.reload();
    await expect.poll(() => scheme(page)).toBe("light");
  });
});
