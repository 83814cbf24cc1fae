/** What the tests do on a page of the playground, as its visitors do. */
import type { Locator, Page } from "playwright-core";

export const button = (page: Page, name: string): Locator => page.getByRole("button", { name, exact: true });

export const boxes = (page: Page): Promise<string[]> => page.locator("[data-pass]").allTextContents();

export const ready = async (page: Page): Promise<void> => {
  await page.waitForSelector("[data-testid=model-ready]");
};

/** The text is whole when nothing runs any more. */
export async function finished(page: Page): Promise<void> {
  await page.waitForSelector("[data-pass]");
  await page.waitForFunction(() => document.querySelector("button[data-loading]") === null);
}

/** The names of all views, from the tabs themselves. */
export const viewNames = (page: Page): Promise<string[]> => page.getByRole("tab").allTextContents();

/** Fills a view as its visitor would: the race is run, the sweep is measured, the step is drawn. */
export async function fillView(page: Page, view: string, { tokens = 20 } = {}): Promise<void> {
  await page.getByRole("tab", { name: view, exact: true }).click();
  if (view === "Race") {
    await button(page, "Race").click();
    await page.waitForFunction(() => document.querySelectorAll("section .pass-box").length > 2);
  }
  if (view === "Look inside") await page.waitForSelector(".plot svg");
  if (view === "Measure") {
    await page.getByRole("textbox", { name: "Prompts, one a line" }).fill("One day, a cat");
    await page.getByRole("textbox", { name: "Tokens per prompt" }).fill(String(tokens));
    await button(page, "Measure").click();
    await page.waitForSelector("section .plot svg");
  }
  await page.waitForFunction(() => document.querySelector("button[data-loading]") === null);
}

export async function chooseModel(page: Page, name: RegExp): Promise<void> {
  await page.getByRole("combobox", { name: "Model" }).click();
  await page.getByRole("option", { name }).click();
}
