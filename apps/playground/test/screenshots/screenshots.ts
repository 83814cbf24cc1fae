/**
 * Pictures of every view with a finished text: light and dark, on a desk and on a phone, in the folder screenshots beside
 * this app's package.json. `DYNAMO_SCREENSHOTS` names another.
 */
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { chromiumPath, openPage, openSite, type Site } from "../browser.js";
import { button, fillView, finished, ready, viewNames } from "../page.js";

const folder = process.env["DYNAMO_SCREENSHOTS"] ?? fileURLToPath(new URL("../../screenshots", import.meta.url));
const query = "?device=wasm&length=120";

const executable = chromiumPath();
if (executable === undefined) throw new Error("no Chromium was found: install one, or name it in DYNAMO_CHROMIUM");

describe("screenshots", () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite(executable);
  });
  afterAll(async () => {
    await site.close();
  });

  for (const dark of [false, true]) {
    for (const phone of [false, true]) {
      const name = `${phone ? "phone" : "desk"}-${dark ? "dark" : "light"}`;
      it(name, async () => {
        const { page } = await openPage(site, query, { dark, phone });
        await ready(page);
        await picture(page, `${name}-start`);
        await button(page, "Write").click();
        await finished(page);
        await picture(page, `${name}-write`);
        for (const view of await viewNames(page)) {
          if (view === "Write") continue;
          await fillView(page, view, { tokens: 80 });
          await picture(page, `${name}-${view.toLowerCase().replaceAll(" ", "-")}`);
        }
        if (phone) {
          await button(page, "Settings").click();
          await page.getByRole("combobox", { name: "Model" }).waitFor();
          await page.waitForTimeout(500); // the drawer slides in
          await page.screenshot({ path: `${folder}/${name}-settings.png` });
        }
        await page.getByText("Advanced sampling", { exact: true }).click();
        await page.getByText("Reset advanced sampling").scrollIntoViewIfNeeded();
        await page.screenshot({ path: `${folder}/${name}-advanced.png` });
      });
    }
  }
});

async function picture(page: Page, name: string): Promise<void> {
  await page.mouse.move(0, 0);
  await page.waitForTimeout(500); // buttons' spinners fade
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}
