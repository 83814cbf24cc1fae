/** Vitest's project of the tests that run inside Chromium, on the built package: a worker loads no TypeScript. */
import { fileURLToPath } from "node:url";
import { hangLimit } from "@dynamo/build/vitest";
import { playwright } from "@vitest/browser-playwright";
import type { TestProjectInlineConfiguration } from "vitest/config";
import type { BrowserCommand } from "vitest/node";
import { chromiumArguments } from "./chromium.js";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

declare module "vitest/internal/browser" {
  interface BrowserCommands {
    crashGpu(): Promise<void>;
  }
}

/** Ends Chromium's GPU process, as a driver's fault does. */
const crashGpu: BrowserCommand = async ({ context }) => {
  const session = await context.browser()?.newBrowserCDPSession();
  await session?.send("Browser.crashGpuProcess").catch(() => undefined);
};

/** The tests, or with `isSoak` the long runs. */
export function browserProject(executablePath: string, isSoak: boolean): TestProjectInlineConfiguration {
  return {
    resolve: {
      conditions: ["@dynamo/source", "browser", "import", "module", "default"],
      alias: { "@dynamo/runtime-web": here("../dist/index.js") },
    },
    server: {
      // Threads need a cross-origin isolated page.
      headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
    },
    test: {
      name: "@dynamo/runtime-web in chromium",
      include: [isSoak ? "test/browser/**/*.soak.test.ts" : "test/browser/**/*.test.ts"],
      exclude: isSoak ? [] : ["**/*.soak.test.ts"],
      testTimeout: hangLimit,
      hookTimeout: hangLimit,
      fileParallelism: false,
      globalSetup: [here("./serve-files.ts")],
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({ launchOptions: { executablePath, args: [...chromiumArguments] } }),
        instances: [{ browser: "chromium" }],
        commands: { crashGpu },
      },
    },
  };
}
