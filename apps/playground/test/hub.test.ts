/** A model of the hub in the page: only when the visitor says so, with progress, stopped, kept, removed. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { neoxConfigJson, parseConfig } from "@dynamo/model";
import { writeRandomCheckpoint } from "@dynamo/model/convert";
import { filesOf, startFakeHub, type FakeHub } from "@dynamo/services/fake-hub";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeSite } from "./browser.js";
import { boxes, button, finished, ready } from "./page.js";

const stories = dirname(createRequire(import.meta.url).resolve("@dynamo/stories/model/config.json"));
const query = "?device=wasm&length=8&model=hf:owner/name";
// The page's requests to the hub are what is tested here.
const expected = /a request to https:\/\/huggingface\.co\//;

let hub: FakeHub;
let local: string;
beforeAll(async () => {
  local = mkdtempSync(join(tmpdir(), "playground-hub-"));
  const { vocab_size: vocabularySize } = JSON.parse(readFileSync(join(stories, "config.json"), "utf8")) as {
    vocab_size: number;
  };
  const size = { vocabularySize, hiddenSize: 64, layers: 2, attentionHeads: 2, contextLength: 64, rotaryPercent: 0.5 };
  await writeRandomCheckpoint(local, { config: parseConfig(neoxConfigJson(size)) });
  const tokenizer = { "tokenizer.json": readFileSync(join(stories, "tokenizer.json")) };
  hub = await startFakeHub({ "owner/name": { files: { ...filesOf(local), ...tokenizer }, license: "mit" } });
});
afterAll(async () => {
  await hub.close();
  rmSync(local, { recursive: true, force: true });
});

/** The hub, as far as the page knows. `held`: until it resolves, weights do not come. */
async function routeToHub(page: Page, held: Promise<void> = Promise.resolve()): Promise<void> {
  await page.context().route("https://huggingface.co/**", async (route) => {
    const { pathname, search } = new URL(route.request().url());
    if (pathname.endsWith(".safetensors") && route.request().headers()["range"] === undefined) await held;
    // One that was stopped has nobody who waits for it.
    await route
      .fetch({ url: `${hub.endpoint}${pathname}${search}` })
      .then((response) => route.fulfill({ response }))
      .catch(() => undefined);
  });
}

describeSite("a model of the hub", (open) => {
  it("never loads by a link", async () => {
    const page = await open(query);
    await routeToHub(page);
    await page.getByText("No model is loaded.").waitFor();
    await page.reload();
    await page.getByText("No model is loaded.").waitFor();
    expect(hub.requests).toEqual([]);
  });

  it("is stopped, goes on, writes, is kept with its size, and removed", async () => {
    const page = await open(query, { expected });
    let release = (): void => undefined;
    await routeToHub(
      page,
      new Promise((resolve) => {
        release = resolve;
      }),
    );
    await button(page, "Load the address").click();
    await button(page, "Stop loading").click();
    await page.getByText("Loading was stopped.").waitFor();
    release();
    await button(page, "Go on loading").click();
    await ready(page);
    await button(page, "Write").click();
    await finished(page);
    expect((await boxes(page)).length).toBeGreaterThan(0);
    await button(page, "Models kept in this browser…").click();
    const kept = page.getByRole("region", { name: "Kept models" });
    await kept.getByText(/owner\/name, \d+\.\d MB/).waitFor();

    // The next visit asks for no weights.
    await page.reload();
    hub.requests.length = 0;
    await button(page, "Models kept in this browser…").click();
    await button(page, "Load owner/name").click();
    await ready(page);
    expect(hub.requests.filter(({ path }) => path.includes("safetensors"))).toEqual([]);
    await button(page, "Remove owner/name").click();
    await page.getByText("This browser keeps no model of the hub.").waitFor();
  });

  it("says what the hub refuses", async () => {
    const page = await open("?device=wasm&model=hf:owner/absent", { expected: /huggingface|401/ });
    await routeToHub(page);
    await button(page, "Load the address").click();
    const alert = page.getByRole("alert").filter({ hasText: "The model could not be loaded" });
    await alert.waitFor();
    expect(await alert.textContent()).toMatch(/the hub has no such model, or it is private/);
  });
});
