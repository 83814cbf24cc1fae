/** The README's pages, as they stand there, with the packages as they are published: no bundler has a setting. */
import { hangLimit } from "@dynamo/build/vitest";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium, type Browser } from "playwright";
import { build, createServer } from "vite";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { findChromium } from "./chromium.js";
import { publishedProject } from "./published.js";
import { example } from "./readme.js";
import { serveFolder } from "./static-server.js";

const executablePath = findChromium();

describe.skipIf(executablePath === undefined)("the README's page", () => {
  let browser: Browser;
  let project: ReturnType<typeof publishedProject>;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: executablePath ?? "", args: ["--no-sandbox"] });
    project = publishedProject();
  });
  afterAll(async () => {
    await browser.close();
    project.remove();
  });

  /** Opens the page, waits for its story, and fails for any complaint and any request to another origin. */
  async function readStory(address: string): Promise<readonly string[]> {
    const page = await browser.newPage();
    onTestFinished(() => page.close());
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      const { url } = message.location();
      // Browsers ask for an icon, and the README's page has none.
      if (message.type() === "error" && !url.endsWith("/favicon.ico")) complaints.push(`${message.text()} ${url}`);
    });
    page.on("request", (request) => {
      if (!request.url().startsWith("data:")) requests.push(request.url());
    });
    await page.goto(address);
    const written = page.waitForFunction(() => document.body.innerText.length > 200, undefined, { timeout: hangLimit });
    await written.catch((error: unknown) => complaints.push(String(error)));
    expect(complaints).toEqual([]);
    expect(requests.filter((url) => !url.startsWith(address) && !url.startsWith("blob:"))).toEqual([]);
    expect(await page.innerText("body")).toMatch(/[a-z]+ [a-z]+/);
    return requests.map((url) => url.slice(address.length));
  }

  function writeApp(): void {
    writeFileSync(join(project.folder, "main.ts"), example("ts"));
    writeFileSync(
      join(project.folder, "index.html"),
      '<!doctype html><link rel="icon" href="data:,"><body><script type="module" src="./main.ts"></script></body>',
    );
  }

  test("built by Vite", async () => {
    writeApp();
    await build({ root: project.folder, logLevel: "error" });
    const server = await serveFolder(join(project.folder, "dist"));
    onTestFinished(() => server.close());
    const requests = await readStory(server.address);
    // The model's files are assets with their content's hash.
    expect(requests.some((path) => /^assets\/model_q8-[\w-]+\.onnx$/.test(path))).toBe(true);
    expect(requests.some((path) => /^assets\/tokenizer-[\w-]+\.json$/.test(path))).toBe(true);
  });

  test("in Vite's development server", async () => {
    writeApp();
    const server = await createServer({
      root: project.folder,
      logLevel: "error",
      server: { port: 0, host: "127.0.0.1" },
    });
    onTestFinished(() => server.close());
    await server.listen();
    await readStory(server.resolvedUrls?.local[0] ?? "");
  });

  test("without a bundler", async () => {
    writeFileSync(join(project.folder, "index.html"), example("html"));
    const server = await serveFolder(project.folder);
    onTestFinished(() => server.close());
    const requests = await readStory(server.address);
    expect(requests).toContain("node_modules/@dynamo/stories/model/onnx/model_q8.onnx");
  });
});
