/** A headless Chromium and the built site, for the tests of the page. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";
import { preview } from "vite";

/** Debian's, Ubuntu's, Chrome, or the one that Playwright installed. */
const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", chromium.executablePath()];

export const chromiumPath = (): string | undefined =>
  [process.env["DYNAMO_CHROMIUM"] ?? "", ...places].find((path) => path !== "" && existsSync(path));

export interface Site {
  readonly browser: Browser;
  readonly address: string;
  close(): Promise<void>;
}

export async function openSite(executablePath: string): Promise<Site> {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const server = await preview({ root, preview: { port: 0, open: false }, logLevel: "error" });
  const address = server.resolvedUrls?.local[0];
  if (address === undefined) throw new Error("the site is not served");
  const args = ["--no-sandbox", "--disable-background-networking"];
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
}

export async function openPage(site: Site, query: string, options: OpenPageOptions = {}): Promise<OpenPage> {
  const { dark = false, width = 1280 } = options;
  const viewport = { width, height: 900 };
  const page = await site.browser.newPage({ viewport, colorScheme: dark ? "dark" : "light" });
  page.setDefaultTimeout(120_000);
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(site.address) && !/^(data|blob):/.test(url)) complaints.push(`a request to ${url}`);
  });
  await page.goto(`${site.address}${query}`);
  return { page, complaints };
}
