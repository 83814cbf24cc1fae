// The one test preset: tests import the packages' sources, so they run unbuilt (only the inference worker of
// @dynamo/runtime-node is taken from dist, because Node 20 cannot load TypeScript in a worker).
import { defineConfig } from "vitest/config";

/** `npm test` asks every package for its counts in this file, relative to the package. */
const report = process.env["DYNAMO_TEST_RESULTS"];

/** @param {import("vitest/config").ViteUserConfig["test"]} [test] */
export function preset(test = {}) {
  return defineConfig({
    resolve: { conditions: ["@dynamo/source"] },
    ssr: { resolve: { conditions: ["@dynamo/source"], externalConditions: ["@dynamo/source"] } },
    test: {
      include: ["src/**/*.test.ts", "test/**/*.test.ts"],
      testTimeout: 60_000,
      maxWorkers: 2,
      reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
      ...test,
    },
  });
}
