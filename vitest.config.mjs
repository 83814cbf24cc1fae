// `npm test`: all packages in one run of vitest, so that the machine's cores are shared by two workers and no more.
import { defineConfig } from "vitest/config";

/** Where tooling/scripts/tests.mjs reads the counts. */
const report = process.env["DYNAMO_TEST_RESULTS"];

export default defineConfig({
  test: {
    projects: [
      "packages/*/vitest.config.ts",
      "packages/*/vitest.browser.config.ts",
      "apps/*/vitest.config.ts",
      "tooling/*/vitest.config.ts",
    ],
    maxWorkers: 2,
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
  },
});
