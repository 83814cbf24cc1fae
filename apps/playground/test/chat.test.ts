/** A conversation on the built site: the embedded model, given a chat template, answers in stories. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { modelPath } from "@dynamo/stories";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findings } from "./axe.js";
import { chromiumPath, openPage, openSite, type OpenPage, type Site } from "./browser.js";

const executable = chromiumPath();
const template = "{% for m in messages %}{{ m.content }}\n{% endfor %}";

/** Two answers may take half of the context of 512 tokens each: a third message finds it full. */
const long = "One day a girl went to the park and ".repeat(24);

const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
const answer = (page: Page, number: number) => page.getByRole("region", { name: `Answer ${number}` });
const idle = (page: Page) => page.waitForFunction(() => document.querySelector("button[data-loading]") === null);

async function say(page: Page, text: string): Promise<void> {
  await page.getByRole("textbox", { name: "Message" }).fill(text);
  await page.keyboard.press("Enter");
}

describe.skipIf(executable === undefined)("a chat", () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite(executable ?? "");
  });
  afterAll(() => site.close());

  async function openChat(query: string, chatTemplate = template): Promise<OpenPage> {
    const opened = await openPage(site, "?model=folder");
    const config = JSON.parse(readFileSync(join(modelPath, "tokenizer_config.json"), "utf8")) as object;
    await opened.page.route("**/models/stories/tokenizer_config.json", (route) =>
      route.fulfill({ json: { ...config, chat_template: chatTemplate } }),
    );
    await opened.page.goto(`${site.address}${query}`);
    await opened.page.waitForSelector("[data-testid=model-ready]");
    return opened;
  }

  it("has a tab only for chat models", async () => {
    const { page } = await openPage(site, "?device=wasm");
    await page.waitForSelector("[data-testid=model-ready]");
    expect(await page.getByRole("tab").allTextContents()).toEqual(["Write", "Race", "Look inside", "Measure"]);
    await page.goto(`${site.address}?device=wasm&view=chat`);
    await page.getByText("This model has no chat template.").waitFor();
    const { page: chatting } = await openChat("?device=wasm");
    expect(await chatting.getByRole("tab").allTextContents()).toContain("Chat");
  });

  it("answers turn by turn in boxes, remembers what was said, and begins anew", async () => {
    const { page, complaints } = await openChat("?device=wasm&view=chat&length=16&temperature=0");
    await say(page, "Tom had a red ball.");
    await answer(page, 1).locator("[data-pass='1']").waitFor();
    await idle(page);
    expect(await answer(page, 1).textContent()).toMatch(/16 tokens/);
    await answer(page, 1).locator("[data-pass='1']").hover();
    await page.getByRole("heading", { name: "Pass 2" }).waitFor();
    expect(await findings(page)).toEqual([]);
    // Greedy: the same message after another one is answered otherwise, and alone it is answered alike.
    await say(page, "Tom had a red ball.");
    await answer(page, 2).getByText("16 tokens").waitFor();
    const texts = async (number: number): Promise<string> =>
      (await answer(page, number).locator("[data-pass]").allTextContents()).join("");
    const [first, second] = [await texts(1), await texts(2)];
    expect(second).not.toBe(first);
    await button(page, "New chat").click();
    expect(await answer(page, 1).count()).toBe(0);
    await say(page, "Tom had a red ball.");
    await answer(page, 1).getByText("16 tokens").waitFor();
    expect(await texts(1)).toBe(first);
    expect(complaints).toEqual([]);
  });

  it("stops midway, and goes on with the next message", async () => {
    const { page, complaints } = await openChat("?device=wasm&view=chat&length=400&strategy=autoregressive");
    await say(page, "Once upon a time");
    await answer(page, 1).locator("[data-pass='2']").waitFor();
    await button(page, "Stop").click();
    await idle(page);
    const written = await answer(page, 1).locator("[data-pass]").count();
    expect(written).toBeLessThan(400);
    await say(page, "Then");
    await answer(page, 2).locator("[data-pass='0']").waitFor();
    expect(complaints).toEqual([]);
  });

  it("leaves out the oldest turns when the context is full, and refuses a message that is too long alone", async () => {
    const { page, complaints } = await openChat("?device=wasm&view=chat&length=200");
    await say(page, long);
    await answer(page, 1).locator("[data-pass='2']").waitFor();
    await button(page, "Stop").click();
    await idle(page);
    await say(page, long);
    await page.getByText("The context is full: the oldest 2 messages were left out.").waitFor();
    await button(page, "Stop").click();
    await idle(page);
    await say(page, long.repeat(2));
    await page.getByText(/the message is too long for the model: expected at most 312 tokens/).waitFor();
    expect(await page.getByRole("region", { name: /^Answer/ }).count()).toBe(2);
    expect(complaints).toEqual([]);
  });

  it("says so when the template fails", async () => {
    const { page, complaints } = await openChat("?device=wasm&view=chat", "{{ raise_exception('users come first') }}");
    await say(page, "Hello");
    await page.getByText(/users come first/).waitFor();
    expect(complaints).toEqual([]);
  });
});
