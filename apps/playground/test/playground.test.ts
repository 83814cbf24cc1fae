/** The built site in a real browser, on the embedded model. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumPath, openPage, openSite, type Site } from "./browser.js";
import { boxes, button, finished } from "./page.js";

const executable = chromiumPath();
if (executable === undefined) {
  console.warn("skipped: no Chromium was found for the playground's tests; install one, or name it in DYNAMO_CHROMIUM");
}
/** Short texts on WASM: what is tested is the page. */
const short = "?device=wasm&length=18";

describe.skipIf(executable === undefined)("the playground in Chromium", () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite(executable ?? "");
  });
  afterAll(async () => {
    await site.close();
  });

  it("writes in boxes, tells about each pass, and a link writes the same text again", async () => {
    const { page, complaints } = await openPage(site, `${short}&joint=counts`);
    await page.waitForSelector("[data-testid=model-ready]");
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    await button(page, "Write").click();
    await finished(page);
    const text = await boxes(page);
    expect(text.length).toBeGreaterThan(3);
    // The model has three heads and an easy text: some pass gives more than one token.
    expect(text.length).toBeLessThan(18);
    await page.hover("[data-pass='1']");
    const details = page.getByRole("region", { name: "The pass" });
    expect(await details.textContent()).toMatch(/Pass 2.*Head 1.*Head 3.*threshold/s);
    await page.waitForURL(/run=1/);
    const again = await openPage(site, new URL(page.url()).search);
    await finished(again.page);
    expect(await boxes(again.page)).toEqual(text);
    expect([...complaints, ...again.complaints]).toEqual([]);
  });

  it("stops midway and keeps what was written", async () => {
    const { page, complaints } = await openPage(site, "?device=wasm&length=400&strategy=autoregressive");
    await page.waitForSelector("[data-testid=model-ready]");
    await button(page, "Write").click();
    await page.waitForSelector("[data-pass='2']");
    await button(page, "Stop").click();
    await finished(page);
    const written = (await boxes(page)).length;
    expect(written).toBeGreaterThanOrEqual(3);
    expect(written).toBeLessThan(400);
    expect(complaints).toEqual([]);
  });

  it("races both to the end", async () => {
    const { page, complaints } = await openPage(site, `${short}&view=race`);
    await page.waitForSelector("[data-testid=model-ready]");
    await button(page, "Race").click();
    await page.waitForFunction(() => document.querySelectorAll("section .tally").length === 2);
    await page.waitForFunction(() =>
      [...document.querySelectorAll("section .tally")].every((each) => each.textContent.startsWith("18 tokens")),
    );
    expect(await page.getByTestId("speed-up").textContent()).toMatch(/^[\d.]+ × as fast$/);
    const [base = "", dynamo = ""] = await page.locator("section .tally").allTextContents();
    expect(base).toMatch(/18 tokens\s*18 passes\s*1\.00 tokens per pass/);
    expect(Number(/([\d.]+) tokens per pass/.exec(dynamo)?.[1])).toBeGreaterThan(1);
    expect(complaints).toEqual([]);
  });

  it("shows the joint, which changes with the slider and without another pass", async () => {
    const { page, complaints } = await openPage(site, `${short}&run=1&view=inside&joint=counts`);
    await page.waitForSelector(".plot svg");
    const verdict = page.getByTestId("verdict");
    await page.getByRole("tab", { name: "Write" }).click();
    await finished(page);
    await page.getByRole("tab", { name: "Look inside" }).click();
    await page.waitForSelector(".plot svg");
    const cells = (stage: string): Promise<string | null> =>
      page.locator(`[data-stage=${stage}]`).getAttribute("data-cells");
    const product = await cells("independent");
    expect(Number(product)).toBe(400);
    const before = await cells("masked");
    expect(Number(before)).toBeLessThan(Number(product));
    const slider = page.getByRole("main").getByRole("slider", { name: /Back-off/ });
    await slider.press("End");
    expect(await verdict.textContent()).toMatch(/1 token.*Order 3 backed off/);
    expect(await cells("masked")).toBe(before);
    expect(await cells("thresholded")).toBe("0");
    await slider.press("Home");
    expect(await verdict.textContent()).toMatch(/3 tokens/);
    expect(complaints).toEqual([]);
  });

  it("shows the learned joint, of all tokens that those between may raise", async () => {
    const { page, complaints } = await openPage(site, `${short}&run=1&view=write`);
    await finished(page);
    await page.getByRole("tab", { name: "Look inside" }).click();
    await page.waitForSelector(".plot svg");
    const cells = (stage: string): Promise<string | null> =>
      page.locator(`[data-stage=${stage}]`).getAttribute("data-cells");
    expect(Number(await cells("independent"))).toBe(400);
    expect(await page.locator("[data-stage=masked]").count()).toBe(0);
    const slider = page.getByRole("main").getByRole("slider", { name: /Back-off/ });
    await slider.press("End");
    expect(await cells("thresholded")).toBe("0");
    await slider.press("Home");
    expect(await page.getByTestId("verdict").textContent()).toMatch(/3 tokens/);
    expect(complaints).toEqual([]);
  });

  it("measures a sweep and saves it as CSV, SVG and PNG", async () => {
    const { page, complaints } = await openPage(site, "?device=wasm&view=measure");
    await page.waitForSelector("[data-testid=model-ready]");
    await page.getByRole("textbox", { name: "Prompts, one a line" }).fill("One day, a cat");
    await page.getByRole("textbox", { name: "Tokens per prompt" }).fill("10");
    await page.getByRole("textbox", { name: "Steps of εb" }).fill("2");
    await button(page, "Measure").click();
    await page.waitForSelector("section .plot svg");
    await page.waitForFunction(() => document.querySelector("button[data-loading]") === null);
    for (const [name, file, content] of [
      ["Save CSV", "dynamo-sweep.csv", /^strategy,backoff,tokens(.*\r\n){5}$/],
      ["Save SVG", "dynamo-speed-up.svg", /^<svg/],
      ["Save PNG", "dynamo-speed-up.png", /^.PNG/],
    ] as const) {
      const [download] = await Promise.all([page.waitForEvent("download"), button(page, name).first().click()]);
      expect(download.suggestedFilename()).toBe(file);
      const stream = await download.createReadStream();
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).toString("latin1")).toMatch(content);
    }
    expect(complaints).toEqual([]);
  });

  it("says what is wrong with a damaged model and stays alive", async () => {
    const { page } = await openPage(site, "?view=race");
    await page.route("**/models/stories-t4/onnx/**", (route) => route.fulfill({ body: "no model" }));
    await page.goto(`${site.address}?device=wasm&model=stories-t4`);
    await page.getByText("The model could not be loaded").waitFor();
    await page.getByRole("combobox", { name: "Model" }).click();
    await page.getByRole("option", { name: /base model/ }).click();
    await page.waitForSelector("[data-testid=model-ready]");
    expect(await page.getByTestId("model-ready").textContent()).toContain("one head");
  });

  it("waits for the visitor's word before it loads an address in a link", async () => {
    const { page, complaints } = await openPage(site, "?model=https%3A%2F%2Felsewhere.example%2Fmodel");
    await page.getByText("No model is loaded.").waitFor();
    expect(await button(page, "Load the address").isEnabled()).toBe(true);
    expect(complaints).toEqual([]);
  });
});
