/** The settings that stay folded away, and strategies of the visitor's own from an address, in a real browser. */
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { modelPath } from "@dynamo/stories";
import { loadTokenizer } from "@dynamo/tokenizer";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findings } from "./axe.js";
import { describeSite } from "./browser.js";
import { boxes, button, finished, ready } from "./page.js";

const tokenizer = loadTokenizer({ tokenizerJson: readFileSync(join(modelPath, "tokenizer.json"), "utf8") });
const field = (page: Page, name: string): Locator => page.getByRole("textbox", { name, exact: true });
const query = (page: Page): URLSearchParams => new URL(page.url()).searchParams;

async function write(page: Page): Promise<string> {
  await button(page, "Write").click();
  await finished(page);
  return (await boxes(page)).join("");
}

describeSite("advanced sampling", (open) => {
  it("is folded away, is kept in the link as the library takes it, and is reset", async () => {
    const page = await open("?model=https%3A%2F%2Felsewhere.example%2F");
    expect(await field(page, "Top-p").isVisible()).toBe(false);
    await page.getByText("Advanced sampling", { exact: true }).click();
    await field(page, "Top-p").fill("0.9");
    await field(page, "Min-p").fill("0");
    await field(page, "Presence penalty").fill("-0.5");
    await page.waitForURL(/topP=0.9&minP=0&presencePenalty=-0.5/);
    await page.getByText("3 set").waitFor();
    await field(page, "Top-p").fill("1.5");
    await page.getByText("Top-p must be a number above 0, at most 1, received 1.5").waitFor();
    await field(page, "Logit bias").fill("{5: 1}");
    await page.getByText(/Logit bias must be an object of finite numbers by token id, received/).waitFor();
    expect(await findings(page)).toEqual([]);
    // What is refused is not taken: the page has what it had before.
    expect([query(page).get("topP"), query(page).get("logitBias")]).toEqual(["0.9", null]);
    await button(page, "Reset advanced sampling").click();
    await page.waitForURL((url) => ["topP", "minP", "presencePenalty"].every((name) => !url.searchParams.has(name)));
    expect(await field(page, "Top-p").inputValue()).toBe("");
    expect(await field(page, "Logit bias").inputValue()).toBe("");
    expect(await page.getByText(/must be/).count()).toBe(0);
  });

  it("of a link is open and in force; what greedy decoding has no use for is not offered", async () => {
    const [dog] = tokenizer.encode(" dog");
    const bias = encodeURIComponent(JSON.stringify({ [String(dog)]: 100 }));
    const page = await open(`?device=wasm&length=4&temperature=0&penalty=1&strategy=autoregressive&logitBias=${bias}`);
    await ready(page);
    expect(await field(page, "Logit bias").inputValue()).toBe(`{"${dog}":100}`);
    expect(await field(page, "Top-p").count()).toBe(0);
    await page.getByText(/not at temperature 0/).waitFor();
    expect(await write(page)).toBe(" dog dog dog dog");
    await field(page, "Presence penalty").fill("200");
    await page.waitForURL(/presencePenalty=200/);
    expect(await write(page)).toMatch(/^ dog(?! dog)/);
    await field(page, "Logit bias").fill('{"99999": 1}');
    await page.waitForURL(/99999/);
    await button(page, "Write").click();
    await page.getByText(/logitBias: token ids run from 0 to \d+, received 99999/).waitFor();
  });
});

const own = `import { rank } from "./beside.js";
export default ({ take = 1, ...rest }) => {
  if (take > 3) throw new RangeError("take: at most 3");
  const step = ({ positions: [heads] }) => ({ tokens: heads.slice(0, take).map(({ ids }) => ids[rank]) });
  return { name: "own " + JSON.stringify({ take, ...rest }), heads: take, step };
};`;
const modules: Readonly<Record<string, readonly [type: string, code: string]>> = {
  "/own.js": ["text/javascript", own],
  "/beside.js": ["text/javascript", "export const rank = 0;"],
  "/closed.js": ["text/javascript", own],
  "/page.js": ["text/html", "<!doctype html>"],
  "/none.js": ["text/javascript", "export const strategy = 1;"],
  "/broken.js": ["text/javascript", "throw new Error('on purpose');"],
};

describe("a strategy from an address", () => {
  const asked: string[] = [];
  let origin: string;
  const server = createServer(({ url = "" }, response) => {
    asked.push(url);
    const [type, code] = modules[url] ?? [];
    if (url !== "/closed.js") response.setHeader("Access-Control-Allow-Origin", "*");
    response.writeHead(code === undefined ? 404 : 200, { "Content-Type": type ?? "text/plain" }).end(code);
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  async function load(page: Page, address: string): Promise<void> {
    await field(page, "Or the address of its module").fill(address);
    await button(page, "Load the module").click();
  }

  describeSite("in the page", (open) => {
    it("is asked for and run once the visitor says so, with the modules beside it and the visitor's options", async () => {
      const page = await open("?device=wasm&length=12&strategy=plugin", {
        expected: new RegExp(`request to ${origin}`),
      });
      await ready(page);
      await load(page, `${origin}/own.js`);
      await page.getByRole("dialog").getByText(`${origin}/own.js`).waitFor();
      await button(page, "Do not run").click();
      await page.getByRole("dialog").waitFor({ state: "hidden" });
      expect(asked).toEqual([]);
      await load(page, `${origin}/own.js`);
      await button(page, "Run it").click();
      await page.getByText('Running own {"take":1}').waitFor();
      await write(page);
      await page.getByText("1.00 tokens per pass").waitFor();
      const options = field(page, "Its options, as JSON");
      await options.fill('{"take": 3}');
      await page.getByText('Running own {"take":3}').waitFor();
      await write(page);
      await page.getByText("3.00 tokens per pass").waitFor();
      for (const [json, why] of [
        ['{"take": 4}', /failed while making its strategy: take: at most 3/],
        ["3", /expected a JSON object such as \{"least": 0.5\}, received 3/],
      ] as const) {
        await options.fill(json);
        await page.getByText(why).waitFor();
        await button(page, "Write").click();
        await page.getByText("No text was written").or(page.getByText("The text ended early")).waitFor();
      }
      expect(await findings(page)).toEqual([]);
      // Neither the address nor the options are in the link: a link runs nothing.
      expect(page.url()).not.toMatch(/own|take/);
    });

    it("that cannot be had, or is none, says why", async () => {
      const expected = new RegExp(`request to |CORS policy|net::ERR_FAILED|status of 404`);
      const page = await open("?device=wasm&strategy=plugin&model=https%3A%2F%2Felsewhere.example%2F", { expected });
      for (const [path, why] of [
        ["closed.js", /cannot be loaded: is the server running, and does it let pages from http\S+ in \(CORS\)\?/],
        ["missing.js", /missing\.js answers with status 404/],
        ["page.js", /page\.js is no module: expected the type text\/javascript, received text\/html/],
        ["none.js", /none\.js: expected `export default .* received exports strategy and no default/],
        ["broken.js", /broken\.js failed while loading: on purpose/],
      ] as const) {
        await load(page, `${origin}/${path}`);
        await button(page, "Run it").click();
        await page.getByText(why).waitFor();
        await page.getByRole("dialog").waitFor({ state: "hidden" });
      }
      await load(page, "javascript:alert(1)");
      await page.getByText('expected the address of a module (https://…), received "javascript:alert(1)"').waitFor();
    });
  });
});
