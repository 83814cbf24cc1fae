/** A headless Chromium and the built site, for the tests of the page. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { hangLimit } from "@dynamo/build/vitest";
import { chromium, type Browser, type Page } from "playwright-core";
import { preview } from "vite";
import { afterAll, beforeAll, describe, expect, onTestFinished } from "vitest";

/** Debian's, Ubuntu's, Chrome, or the one that Playwright installed. */
const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", chromium.executablePath()];

/** Undefined when there is none on this machine. With CI=true it is an error: nothing is skipped. */
export function chromiumPath(): string | undefined {
  const found = [process.env["DYNAMO_CHROMIUM"] ?? "", ...places].find((path) => path !== "" && existsSync(path));
  if (found === undefined && process.env["CI"] === "true") {
    throw new Error(
      "no Chromium was found, and CI skips no test: apt-get install chromium, or name one in DYNAMO_CHROMIUM",
    );
  }
  return found;
}

export interface Site {
  readonly browser: Browser;
  readonly address: string;
  close(): Promise<void>;
}

/** WebGPU on a GPU in software. */
export const softwareGpu: readonly string[] = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
];

export async function openSite(executablePath: string, more: readonly string[] = []): Promise<Site> {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const server = await preview({ root, preview: { port: 0, open: false }, logLevel: "error" });
  const address = server.resolvedUrls?.local[0];
  if (address === undefined) throw new Error("the site is not served");
  const args = ["--no-sandbox", "--disable-background-networking", ...more];
  const browser = await chromium.launch({ executablePath, args });
  return {
    browser,
    address,
    async close() {
      await browser.close();
      await server.close();
    },
  };
}

export interface OpenPage {
  readonly page: Page;
  /** Errors on the console, uncaught ones, and requests that left the site. */
  readonly complaints: readonly string[];
}

export interface OpenPageOptions {
  readonly dark?: boolean;
  readonly width?: number;
  /** A phone: 390 by 844 with a finger. */
  readonly phone?: boolean;
  /** Complaints that the test provokes; every other one fails it. */
  readonly expected?: RegExp;
}

/** A page of its own profile. It is closed when the test ends, which fails if the page had anything to complain about. */
export async function openPage(site: Site, query: string, options: OpenPageOptions = {}): Promise<OpenPage> {
  const { dark = false, width = 1280, phone = false, expected } = options;
  const page = await site.browser.newPage({
    viewport: phone ? { width: 390, height: 844 } : { width, height: 900 },
    hasTouch: phone,
    isMobile: phone,
    colorScheme: dark ? "dark" : "light",
  });
  page.setDefaultTimeout(hangLimit / 3);
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(site.address) && !/^(data|blob):/.test(url)) complaints.push(`a request to ${url}`);
  });
  onTestFinished(async () => {
    await page.close();
    expect(complaints.filter((each) => expected?.test(each) !== true)).toEqual([]);
  });
  await page.goto(`${site.address}${query}`);
  return { page, complaints };
}

export type Open = (query: string, options?: OpenPageOptions) => Promise<Page>;

/** Tests of the built site; skipped, with a word of it, where there is no Chromium. `open` opens a page of it. */
export function describeSite(
  name: string,
  tests: (open: Open, site: () => Site) => void,
  browserArguments: readonly string[] = [],
): void {
  const executable = chromiumPath();
  if (executable === undefined) console.warn(`skipped: no Chromium was found for ${name}; DYNAMO_CHROMIUM names one`);
  describe.skipIf(executable === undefined)(name, () => {
    let site: Site;
    beforeAll(async () => {
      site = await openSite(executable ?? "", browserArguments);
    });
    afterAll(async () => {
      await site.close();
    });
    tests(
      async (query, options) => (await openPage(site, query, options)).page,
      () => site,
    );
  });
}
