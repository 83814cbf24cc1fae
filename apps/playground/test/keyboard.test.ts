/** With the keyboard alone, from the first Tab to a written text, a race, a step taken apart; what has the focus is seen. */
import type { ElementHandle, Locator, Page } from "playwright-core";
import { expect, it } from "vitest";
import { describeSite } from "./browser.js";
import { boxes, button, finished, ready } from "./page.js";

/** How an element and what is around it are drawn, as far as that can tell of the focus. */
const look = (element: Element): string =>
  [element, element.parentElement, ...element.children]
    .map((each) => {
      if (each === null) return "";
      const { outline, boxShadow, borderColor, backgroundColor } = getComputedStyle(each);
      return [outline, boxShadow, borderColor, backgroundColor].join();
    })
    .join();

/** Frames fade in and out: until none does any more, however long the machine takes over it. */
const faded = (page: Page): Promise<void> =>
  page.evaluate(async () => {
    const frame = (): Promise<number> => new Promise((resolve) => requestAnimationFrame(resolve));
    // Styles are computed in the first, and what they begin is listed in the second.
    await frame();
    await frame();
    const ending = document
      .getAnimations()
      .filter(({ effect }) => Number.isFinite(effect?.getComputedTiming().endTime));
    await Promise.allSettled(ending.map(({ finished }) => finished));
  });

/** Whether a ring, a frame or another colour tells that this element has the focus. */
async function showsFocus(page: Page, element: ElementHandle<HTMLElement>): Promise<boolean> {
  await faded(page);
  const focused = await element.evaluate(look);
  await element.evaluate((each) => each.blur());
  await faded(page);
  const plain = await element.evaluate(look);
  await element.evaluate((each) => each.focus());
  return focused !== plain;
}

/** Presses Tab until `wanted` has the focus. */
async function tabTo(page: Page, wanted: Locator, most = 60): Promise<void> {
  for (let i = 0; i < most; i++) {
    if (await wanted.evaluate((each) => each === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`${String(wanted)} was not reached with ${most} presses of Tab`);
}

describeSite("with the keyboard alone", (open) => {
  it("a text is written, and the arrow keys walk its passes", async () => {
    const page = await open("?device=wasm&length=18");
    await ready(page);
    const prompt = page.getByRole("textbox", { name: "Prompt" });
    await tabTo(page, prompt);
    await page.keyboard.press("Control+Enter");
    await finished(page);
    await tabTo(page, page.locator("[data-pass][tabindex='0']"));
    await page.keyboard.press("ArrowRight");
    expect(await page.locator("[data-pass]:focus").getAttribute("data-pass")).toBe("1");
    await page.getByRole("heading", { name: "Pass 2" }).waitFor();
    await page.keyboard.press("End");
    await page.getByRole("heading", { name: `Pass ${(await boxes(page)).length}` }).waitFor();
    await tabTo(page, button(page, "Look inside this pass"));
    await page.keyboard.press("Enter");
    await page.waitForSelector(".plot svg");
  });

  it("a race is run, and a text is stopped", async () => {
    const page = await open("?device=wasm&length=400&strategy=autoregressive");
    await ready(page);
    await tabTo(page, button(page, "Write"));
    await page.keyboard.press("Enter");
    await page.waitForSelector("[data-pass='2']");
    await tabTo(page, button(page, "Stop"));
    await page.keyboard.press("Space");
    await finished(page);
    expect((await boxes(page)).length).toBeLessThan(400);
    await tabTo(page, page.getByRole("tab", { name: "Write" }));
    await page.keyboard.press("ArrowRight");
    expect(await page.getByRole("tab", { name: "Race" }).getAttribute("aria-selected")).toBe("true");
    await tabTo(page, button(page, "Race"));
    await page.keyboard.press("Enter");
    await page.getByText(/× as fast/).waitFor();
    await tabTo(page, button(page, "Stop"));
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector("button[data-loading]") === null);
  });

  it("the step's knobs are turned, and its stages and orders are chosen", async () => {
    const page = await open("?device=wasm&length=18&run=1&view=inside&joint=counts");
    await page.waitForSelector(".plot svg");
    const main = page.getByRole("main");
    const verdict = page.getByTestId("verdict");
    await tabTo(page, main.getByRole("slider", { name: /Back-off/ }));
    await page.keyboard.press("End");
    await expect.poll(() => verdict.textContent()).toMatch(/1 token.*Order 3 backed off/);
    await page.keyboard.press("Home");
    await expect.poll(() => verdict.textContent()).toMatch(/3 tokens/);
    await tabTo(page, main.getByRole("switch", { name: "Otsu" }));
    await page.keyboard.press("Space");
    await page.waitForURL(/adaptive=0/);
    await tabTo(page, main.locator("[data-stage=masked]"));
    await page.keyboard.press("Enter");
    expect(await main.locator("[data-stage=masked]").getAttribute("aria-pressed")).toBe("true");
  });

  it("a dialog takes the focus, and Escape leaves it", async () => {
    const page = await open("?device=wasm&strategy=plugin");
    await ready(page);
    const choose = button(page, "Choose a strategy file…");
    await tabTo(page, choose);
    const chooser = page.waitForEvent("filechooser");
    await page.waitForTimeout(500); // until Chromium has been told to open no window of its own
    await page.keyboard.press("Enter");
    await (
      await chooser
    ).setFiles({
      name: "mine.js",
      mimeType: "text/javascript",
      buffer: Buffer.from('export default { name: "mine", step: () => ({ tokens: [1], order: 1 }) };'),
    });
    await page.getByRole("dialog").waitFor();
    await expect.poll(() => button(page, "Do not run").evaluate((each) => each === document.activeElement)).toBe(true);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
  });

  it("every stop of the Tab key shows that it has the focus, and lies on the page", async () => {
    const page = await open("?device=wasm&length=18&run=1");
    await finished(page);
    const bad: string[] = [];
    let stops = 0;
    for (; stops < 80; stops++) {
      await page.keyboard.press("Tab");
      const element = (await page.evaluateHandle(() => document.activeElement)) as ElementHandle<HTMLElement>;
      const state = await element.evaluate((each) => {
        const before = each.tagName === "BODY" || each.hasAttribute("data-visited");
        each.setAttribute("data-visited", "");
        return { before, html: each.outerHTML.slice(0, 160) };
      });
      if (state.before) break;
      if (!(await showsFocus(page, element))) bad.push(state.html);
    }
    expect(stops).toBeGreaterThan(15);
    expect(bad).toEqual([]);
  });
});
