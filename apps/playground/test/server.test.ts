/** The built site pointed at a server: a real one, which decodes in Node. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate, dynamo } from "@dynamo/decode";
import { modelPath } from "@dynamo/stories";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApiServer, type ApiServer, type ApiServerOptions } from "./api-server.js";
import { findings } from "./axe.js";
import { chromiumPath, openPage, openSite, type Site } from "./browser.js";
import { button } from "./page.js";

const executable = chromiumPath();
const prompt = "Once upon a time, there was a little dog";
const settings = `length=18&temperature=0&prompt=${encodeURIComponent(prompt)}`;

const boxes = (page: Page): Promise<string[]> => page.getByRole("tabpanel").locator("[data-pass]").allTextContents();

async function idle(page: Page): Promise<void> {
  await page.waitForFunction(() => document.querySelector("button[data-loading]") === null);
}

describe.skipIf(executable === undefined)("a server as the model", () => {
  let site: Site;
  let folder: string;
  let api: ApiServer;
  const servers: ApiServer[] = [];
  async function start(options: Omit<ApiServerOptions, "folder"> = {}): Promise<ApiServer> {
    const server = await startApiServer({ folder, ...options });
    servers.push(server);
    return server;
  }
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "dynamo-server-"));
    cpSync(modelPath, folder, { recursive: true });
    const path = join(folder, "tokenizer_config.json");
    const config = JSON.parse(readFileSync(path, "utf8")) as object;
    const template = "{% for m in messages %}{{ m.content }}\n{% endfor %}";
    writeFileSync(path, JSON.stringify({ ...config, chat_template: template }));
    site = await openSite(executable ?? "");
    api = await start();
  });
  afterAll(async () => {
    await site.close();
    for (const server of servers) await server.close();
    rmSync(folder, { recursive: true });
  });

  /**
   * A link to a server connects to none: the visitor does. Requests to the server are expected, and what the browser says of
   * those that fail where `failure` tells it.
   */
  async function openServer(
    server: ApiServer,
    { query = "", key, failure }: { readonly query?: string; readonly key?: string; readonly failure?: RegExp } = {},
  ): Promise<Page> {
    const known = [`a request to ${server.address}/`, ...(failure === undefined ? [] : [failure.source])];
    const model = encodeURIComponent(server.address);
    const asked = server.requests.length;
    const options = { expected: new RegExp(known.join("|")) };
    const { page } = await openPage(site, `?model=${model}&${settings}${query}`, options);
    await page.getByText("No model is loaded.").waitFor();
    if (key !== undefined) await page.getByLabel("API key, if the server wants one").fill(key);
    expect(server.requests.length).toBe(asked);
    await button(page, "Connect to the server").click();
    return page;
  }

  it("writes what Node writes, pass by pass, with what the heads saw", async () => {
    const page = await openServer(api, { query: "&joint=counts" });
    await page.getByTestId("model-ready").waitFor();
    await page.getByText(/per forward pass, on a server/).waitFor();
    await button(page, "Write").click();
    await page.getByText("18 tokens", { exact: false }).first().waitFor();
    await idle(page);
    const options = { joint: "counts", temperature: 0, topK: 40, repetitionPenalty: 1.1 } as const;
    const expected: string[] = [];
    for await (const { text } of generate(api.model, prompt, { strategy: dynamo(options), maxNewTokens: 18 }))
      expected.push(text);
    expect(await boxes(page)).toEqual(expected);
    await page.hover("[data-pass='1']");
    const details = page.getByRole("region", { name: "The pass" });
    expect(await details.textContent()).toMatch(/Pass 2.*Head 1.*★.*%.*Head 3.*threshold/s);
    expect(await details.textContent()).not.toMatch(/#\d/);
    expect(await button(page, "Look inside this pass").count()).toBe(0);
    expect(await findings(page)).toEqual([]);
  });

  it("gets the advanced settings that there are, and of the others nothing", async () => {
    const advanced = { presencePenalty: 1.5, frequencyPenalty: 0.5, logitBias: { 5: 2, 300: -100 } };
    const bias = encodeURIComponent(JSON.stringify(advanced.logitBias));
    const query = `&presencePenalty=1.5&frequencyPenalty=0.5&topP=0.9&logitBias=${bias}`;
    const page = await openServer(api, { query });
    await page.getByTestId("model-ready").waitFor();
    await button(page, "Write").click();
    await page.getByText("18 tokens", { exact: false }).first().waitFor();
    await idle(page);
    const body = api.bodies.at(-1);
    expect(body).toMatchObject({
      ...{ presence_penalty: 1.5, frequency_penalty: 0.5, top_p: 0.9, logit_bias: advanced.logitBias },
    });
    expect(Object.keys(body as object)).not.toContain("min_p");
    const strategy = dynamo({ temperature: 0, topK: 40, topP: 0.9, repetitionPenalty: 1.1 });
    const { text } = await generate(api.model, prompt, { strategy, maxNewTokens: 18, ...advanced });
    expect((await boxes(page)).join("")).toBe(text);
    expect(text).not.toBe((await generate(api.model, prompt, { strategy, maxNewTokens: 18 })).text);
  });

  it("races two requests", async () => {
    const page = await openServer(api, { query: "&view=race" });
    await page.getByText(/runs both at the same time/).waitFor();
    await button(page, "Race").click();
    await page.waitForFunction(() =>
      [...document.querySelectorAll("section .tally")].every((each) => each.textContent.startsWith("18 tokens")),
    );
    const [base = "", other = ""] = await page.locator("section .tally").allTextContents();
    expect(base).toMatch(/18 tokens\s*18 passes/);
    expect(Number(/([\d.]+) tokens per pass/.exec(other)?.[1])).toBeGreaterThan(1);
  });

  it("chats, with what was said before", async () => {
    const page = await openServer(api, { query: "&view=chat" });
    for (const [number, message] of ["Tom had a red ball.", "Then he saw a dog."].entries()) {
      await page.getByTestId("model-ready").waitFor();
      await page.getByRole("textbox", { name: "Message" }).fill(message);
      await page.keyboard.press("Enter");
      await page
        .getByRole("region", { name: `Answer ${number + 1}` })
        .getByText("18 tokens")
        .waitFor();
    }
  });

  it("has its models to choose from, and the chosen one in the link", async () => {
    const page = await openServer(api);
    await page.getByRole("tab", { name: "Chat" }).waitFor();
    await page.getByRole("combobox", { name: "Model of the server" }).click();
    await page.getByRole("option", { name: "stories-plain" }).click();
    await page.waitForURL(/serverModel=stories-plain/);
    expect(await page.getByRole("combobox", { name: "Device" }).count()).toBe(0);
    expect(await page.getByRole("tab").allTextContents()).toEqual(["Write", "Race", "Look inside", "Measure"]);
    for (const view of ["Look inside", "Measure"]) {
      await page.getByRole("tab", { name: view }).click();
      await page.getByRole("tabpanel", { name: view }).getByText("Not from a server").waitFor();
    }
  });

  it("says what the server refuses: no key, a wrong key; the right one stays out of the link", async () => {
    const locked = await start({ key: "s3cret" });
    const failure = /status of 401/;
    const without = await openServer(locked, { failure });
    await without.getByText("the server asks for an API key (401): no valid key").waitFor();
    const wrong = await openServer(locked, { key: "guess", failure });
    await wrong.getByText("the server refuses this API key (401): no valid key").waitFor();
    const page = await openServer(locked, { key: "s3cret" });
    await page.getByTestId("model-ready").waitFor();
    await button(page, "Write").click();
    await page.waitForURL(/run=1/);
    await page.waitForSelector("[data-pass='2']");
    expect(page.url()).not.toContain("s3cret");
    const stored = (): string => [localStorage, sessionStorage].flatMap((each) => Object.entries(each)).join();
    expect(await page.evaluate(stored)).not.toContain("s3cret");
    expect(locked.requests.filter((each) => each.startsWith("POST"))).toEqual(["POST /v1/completions Bearer s3cret"]);
  });

  it("keeps what was written when the server fails midway, and when it is gone", async () => {
    const failing = await start({ failAfter: 3 });
    const page = await openServer(failing);
    await page.getByTestId("model-ready").waitFor();
    await button(page, "Write").click();
    await page.getByText("the server reports: the device was lost").waitFor();
    expect((await boxes(page)).length).toBe(3);

    const mortal = await start({ pace: 50 });
    const bereft = await openServer(mortal, { query: "&strategy=autoregressive", failure: /net::ERR_/ });
    await bereft.getByTestId("model-ready").waitFor();
    await bereft.getByRole("textbox", { name: "Tokens to write" }).fill("400");
    await button(bereft, "Write").click();
    await bereft.waitForSelector("[data-pass='3']");
    await mortal.kill();
    await bereft.getByText("the connection to the server broke off").waitFor();
    expect((await boxes(bereft)).length).toBeGreaterThanOrEqual(4);
    await button(bereft, "Write").click();
    await bereft.getByText(/cannot be reached: is the server running/).waitFor();
  });

  it("is told apart from a server that tells no passes, and from a page that is no server", async () => {
    const plain = await start({ plain: true });
    const page = await openServer(plain);
    await page.getByTestId("model-ready").waitFor();
    await button(page, "Write").click();
    await page.getByText(/is no DynaMo server: expected each chunk of its stream to tell its pass/).waitFor();
    const { page: lost } = await openPage(site, `?model=${encodeURIComponent(`${site.address}v1`)}`, {
      expected: /status of 404/,
    });
    await button(lost, "Connect to the server").click();
    await lost.getByText(/answers with status 404/).waitFor();
    // The page is alive: another model loads.
    await lost.getByRole("combobox", { name: "Model" }).click();
    await lost.getByRole("option", { name: /three token heads/ }).click();
    await lost.getByText(/^Ready: 3 token heads/).waitFor();
  });

  it("stops midway, and the server hears of it", async () => {
    const slow = await start({ pace: 50 });
    const page = await openServer(slow, { query: "&strategy=autoregressive" });
    await page.getByTestId("model-ready").waitFor();
    await page.getByRole("textbox", { name: "Tokens to write" }).fill("400");
    await button(page, "Write").click();
    await page.waitForSelector("[data-pass='2']");
    await button(page, "Stop").click();
    await idle(page);
    const written = (await boxes(page)).length;
    expect(written).toBeGreaterThanOrEqual(3);
    expect(written).toBeLessThan(400);
    await expect.poll(() => slow.left).toBe(1);
    expect(await page.getByText("The text ended early").count()).toBe(0);
  });
});
