/** What visitors bring that cannot work: each is told in words, the page stays alive, and nothing of theirs is lost. */
import { cpSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Page } from "playwright-core";
import { expect, it, onTestFinished } from "vitest";
import { describeSite } from "./browser.js";
import { boxes, button, chooseModel, finished, ready } from "./page.js";

const model = dirname(createRequire(import.meta.url).resolve("@dynamo/stories/model/config.json"));
const graph = "onnx/model_q8.onnx";
/** Everything here is away from its default, so that a loss would be seen. */
const prompt = "A fox and";
const query = "?device=wasm&length=12&seed=9&prompt=A+fox+and";

/** A copy of the embedded model, with one thing changed. */
function modelFolder(change: (path: (name: string) => string) => void = () => {}): string {
  const folder = mkdtempSync(join(tmpdir(), "playground-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  cpSync(model, join(folder, "mine"), { recursive: true });
  change((name) => join(folder, "mine", name));
  return join(folder, "mine");
}

async function pickFolder(page: Page, folder: string): Promise<void> {
  if (!(await button(page, "Choose a folder…").isVisible())) await chooseModel(page, /another/);
  await page.getByLabel("Model folder", { exact: true }).setInputFiles(folder);
}

/** What the page says of a model that did not load. */
async function refusal(page: Page): Promise<string> {
  const alert = page.getByRole("alert").filter({ hasText: "The model could not be loaded" });
  await alert.waitFor();
  return (await alert.textContent()) ?? "";
}

async function keepsWhatWasThere(page: Page): Promise<void> {
  expect(await page.getByRole("textbox", { name: "Prompt" }).inputValue()).toBe(prompt);
  expect(await page.getByRole("textbox", { name: "Seed" }).inputValue()).toBe("9");
}

/** The page still writes, on a model that is well. */
async function writesAgain(page: Page): Promise<void> {
  await ready(page);
  await button(page, "Write").click();
  await finished(page);
  expect((await boxes(page)).join("")).not.toBe("");
}

describeSite("bad input", (open) => {
  it("names the file of a picked folder that is damaged, and the next folder loads", async () => {
    const page = await open(query);
    await ready(page);
    await writesAgain(page);
    const text = await boxes(page);
    const damages: [RegExp, (path: (name: string) => string) => void][] = [
      [/model_q8\.onnx is empty, expected a graph/, (path) => truncateSync(path(graph), 0)],
      [/model_q8\.onnx: this file is not a graph/, (path) => truncateSync(path(graph), 1_000_000)],
      [/model_q8\.onnx: this file is not a graph/, (path) => writeFileSync(path(graph), "no model")],
      [/no graph in onnx/, (path) => rmSync(path("onnx"), { recursive: true })],
      [/config\.json is empty, expected JSON/, (path) => truncateSync(path("config.json"), 0)],
      [/no file config\.json/, (path) => rmSync(path("config.json"))],
      [/no tokenizer\.json/, (path) => rmSync(path("tokenizer.json"))],
      [/cooccurrence\.safetensors: /, (path) => truncateSync(path("cooccurrence.safetensors"), 0)],
    ];
    for (const [message, damage] of damages) {
      await pickFolder(page, modelFolder(damage));
      await page.getByText(message).waitFor();
      expect(await refusal(page)).toMatch(message);
      expect(await page.getByTestId("model-ready").count()).toBe(0);
    }
    // The text of before is still there to be read.
    expect(await boxes(page)).toEqual(text);
    await keepsWhatWasThere(page);
    await pickFolder(page, modelFolder());
    await writesAgain(page);
  });

  it("says which file could not be read when a folder was changed after it was picked, and tries again", async () => {
    const page = await open(query);
    const folder = modelFolder();
    await pickFolder(page, folder);
    await ready(page);
    rmSync(join(folder, graph));
    await page.getByRole("combobox", { name: "Device" }).click();
    await page.getByRole("option", { name: "automatic" }).click();
    expect(await refusal(page)).toContain(`${graph} cannot be read`);
    await keepsWhatWasThere(page);
    await button(page, "Try again").click();
    expect(await refusal(page)).toContain(`${graph} cannot be read`);
    await pickFolder(page, modelFolder());
    await writesAgain(page);
  });

  it("writes one token per pass with a model of one head, and says so", async () => {
    const page = await open(`${query}&model=stories-base`);
    await writesAgain(page);
    expect(await page.getByTestId("model-ready").textContent()).toContain("one head: one token per pass");
    expect(await page.locator("main .tally").first().textContent()).toMatch(/12 tokens\s*12 passes/);
    for (const view of ["Write", "Race", "Look inside", "Measure"]) {
      await page.getByRole("tab", { name: view }).click();
      await page.getByRole("tabpanel").getByText("One head only").waitFor();
    }
  });

  it("refuses a prompt longer than the context, and keeps it and the text before it", async () => {
    const page = await open(query);
    await writesAgain(page);
    const text = await boxes(page);
    const long = "word ".repeat(3000);
    await page.getByRole("textbox", { name: "Prompt" }).fill(long);
    await page.getByText("Too long for a link").waitFor();
    await button(page, "Write").click();
    await page.getByText(/the prompt has (at least )?\d+ tokens, the context holds 512/).waitFor();
    expect(await page.getByRole("textbox", { name: "Prompt" }).inputValue()).toBe(long);
    expect(await boxes(page)).toEqual(text);
    await page.getByRole("tab", { name: "Race" }).click();
    await button(page, "Race").click();
    await page.getByText("The race ended early").waitFor();
    await page.getByRole("tab", { name: "Write" }).click();
    await page.getByRole("textbox", { name: "Prompt" }).fill("");
    await button(page, "Write").click();
    await page.getByText(/the prompt is empty/).waitFor();
    await page.getByRole("textbox", { name: "Prompt" }).fill(prompt);
    await writesAgain(page);
    expect(await boxes(page)).toEqual(text);
  });

  it("says that a text ended because the context is full", async () => {
    const page = await open("?device=wasm&length=40&strategy=autoregressive");
    await page.getByRole("textbox", { name: "Prompt" }).fill("word ".repeat(498).trim());
    await writesAgain(page);
    await page.getByText(/context of 512 tokens, prompt included, is full/).waitFor();
  });

  it("loads a model that the browser has no room to keep, and says that it is not kept", async () => {
    const page = await open("?model=https%3A%2F%2Felsewhere.example%2F");
    const origin = new URL(page.url()).origin;
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 100_000 });
    await page.goto(`${origin}/${query}`);
    await page.getByText("has no room to keep this model").waitFor();
    await writesAgain(page);
    await keepsWhatWasThere(page);
    await devtools.send("Storage.overrideQuotaForOrigin", { origin });
    await page.reload();
    await writesAgain(page);
    expect(await page.getByText("has no room to keep this model").count()).toBe(0);
  });
});
