/** On a phone, 390 by 844: nothing is wider than the screen, and all that a mouse does a finger does. */
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { describeSite } from "./browser.js";
import { button, fillView, finished, viewNames } from "./page.js";

/** What sticks out of the screen to the right, outside of boxes that scroll by themselves. */
const tooWide = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const scrolls = (element: Element | null): boolean =>
      element !== null &&
      (/(auto|scroll|hidden)/.test(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
    const wide = [...document.querySelectorAll("main *, header *")].filter(
      (each) => each.getBoundingClientRect().right > innerWidth + 1 && !scrolls(each.parentElement),
    );
    const page = document.documentElement.scrollWidth > innerWidth ? ["the page scrolls sideways"] : [];
    return [...page, ...wide.map(({ outerHTML }) => outerHTML.slice(0, 100))];
  });

describeSite("on a phone", (open) => {
  it("every view fits", async () => {
    const page = await open("?device=wasm&length=40&run=1", { phone: true });
    await finished(page);
    for (const view of await viewNames(page)) {
      await fillView(page, view);
      expect(await tooWide(page), view).toEqual([]);
    }
  });

  it("drawings are as wide as the screen, and their letters large enough to read", async () => {
    const page = await open("?device=wasm&length=12&run=1&view=inside", { phone: true });
    for (const view of ["Look inside", "Measure"]) {
      await fillView(page, view);
      const drawn = await page.locator(".plot svg:has(g)").last().boundingBox();
      expect(drawn?.width).toBeGreaterThan(280);
      expect(drawn?.width).toBeLessThanOrEqual(390);
      const sizes = await page.locator(".plot svg text").evaluateAll((texts) =>
        texts.map((each) => {
          const { width = 1 } = each.closest("svg")?.viewBox.baseVal ?? {};
          const drawnWidth = each.closest("svg")?.getBoundingClientRect().width ?? 0;
          return (parseFloat(getComputedStyle(each).fontSize) * drawnWidth) / width;
        }),
      );
      expect(Math.min(...sizes), view).toBeGreaterThanOrEqual(9);
    }
  });

  it("settings open and close, and a tap on a box shows its pass", async () => {
    const page = await open("?device=wasm&length=18", { phone: true });
    const drawer = page.locator("nav");
    const left = async (): Promise<number | undefined> => (await drawer.boundingBox())?.x;
    // A drawer that is shut is out of sight for the Tab key and for screen readers too.
    await expect.poll(left).toBe(-390);
    expect(await drawer.getAttribute("inert")).not.toBeNull();
    await button(page, "Settings").tap();
    await expect.poll(left).toBe(0);
    expect(await drawer.getAttribute("inert")).toBeNull();
    await page.getByRole("textbox", { name: "Seed" }).fill("3");
    const copy = button(page, "Copy a link to this page");
    await copy.scrollIntoViewIfNeeded();
    expect((await copy.boundingBox())?.y).toBeLessThan(844 - 30);
    await button(page, "Close settings").tap();
    await expect.poll(left).toBe(-390);
    await button(page, "Write").tap();
    await finished(page);
    await page.waitForURL(/seed=3/);
    await page.locator("[data-pass='1']").tap();
    await page.getByRole("heading", { name: "Pass 2" }).waitFor();
  });
});
