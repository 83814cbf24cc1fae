/** Folders and files dropped on the built site, in a real browser. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelPath } from "@dynamo/stories-t4";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumPath, openPage, openSite, type Site } from "./browser.js";
import { hold } from "./drag.js";

const executable = chromiumPath();
const own = 'export default { name: "own", step: ({ positions }) => ({ tokens: [positions[0][0].ids[0]] }) };';

describe.skipIf(executable === undefined)("a drop on the page", () => {
  let site: Site;
  let folder: string;
  const at = (name: string): string => join(folder, name);
  beforeAll(async () => {
    site = await openSite(executable ?? "");
    folder = mkdtempSync(join(tmpdir(), "dynamo-drop-"));
    cpSync(modelPath, at("models/mine"), { recursive: true });
    mkdirSync(at("empty"));
    writeFileSync(at("own.mjs"), own);
    writeFileSync(at("notes.txt"), "no model");
  });
  afterAll(async () => {
    await site.close();
    rmSync(folder, { recursive: true });
  });

  it("of a model folder loads the model, and it writes", async () => {
    const { page, complaints } = await openPage(site, "?device=wasm&length=12&model=folder");
    await page.getByText("No model is loaded.").waitFor();
    const before = await hold(page, [at("models")]);
    await page.getByTestId("drop-hint").waitFor();
    await before.takeAway();
    await page.getByTestId("drop-hint").waitFor({ state: "detached" });
    expect(await page.getByText("No model is loaded.").count()).toBe(1);
    const held = await hold(page, [at("models")]);
    await page.getByTestId("drop-hint").waitFor();
    await held.drop();
    await page.getByText(/^Ready: 4 token heads/).waitFor();
    expect(await page.getByTestId("drop-hint").count()).toBe(0);
    await page.getByRole("button", { name: "Write", exact: true }).click();
    await page.waitForSelector("[data-pass='2']");
    expect(complaints).toEqual([]);
  });

  it("of a strategy asks first, and runs it only then", async () => {
    const { page, complaints } = await openPage(site, "?device=wasm&length=12");
    await page.waitForSelector("[data-testid=model-ready]");
    await (await hold(page, [at("own.mjs")])).drop();
    await page.getByRole("button", { name: "Do not run" }).click();
    await page.getByText("Until there is one, dynamo writes in its place.").waitFor();
    await (await hold(page, [at("own.mjs")])).drop();
    await page.getByRole("button", { name: "Run it" }).click();
    await page.getByText(/^Running own/).waitFor();
    await page.getByRole("button", { name: "Write", exact: true }).click();
    await page.getByText("1.00 tokens per pass").waitFor();
    expect(complaints).toEqual([]);
  });

  it("of anything else says so, and the loaded model stays", async () => {
    const { page, complaints } = await openPage(site, "?device=wasm&length=12");
    await page.waitForSelector("[data-testid=model-ready]");
    await (await hold(page, [at("notes.txt")])).drop();
    await page.getByText(/expected a model folder .* received notes\.txt/).waitFor();
    await (await hold(page, [at("empty")])).drop();
    await page.getByText(/received no file/).waitFor();
    expect(await page.getByTestId("model-ready").count()).toBe(1);
    expect(complaints).toEqual([]);
  });
});
