// The one test preset: tests import the packages' sources, so they run unbuilt (only the inference worker of
// @dynamo/runtime-node is taken from dist, because Node 20 cannot load TypeScript in a worker).
import { defineConfig } from "vitest/config";

/** Long runs (kills, leases, memory, fuzz) are files of their own: `npm run test:soak` runs them, `npm test` leaves them out. */
const soaks = ["src/**/*.soak.test.ts", "test/**/*.soak.test.ts"];
const tests = ["src/**/*.test.ts", "test/**/*.test.ts"];
const soaking = process.env["DYNAMO_SOAK"] === "1";

/**
 * One limit for every test and hook, there to end what hangs: a busy machine that is many times slower must not reach it.
 * Tests give no limits of their own.
 */
export const hangLimit = 300_000;

/** @param {import("vitest/config").ViteUserConfig["test"]} [test] */
export function preset(test = {}) {
  return defineConfig({
    resolve: { conditions: ["@dynamo/source"] },
    ssr: { resolve: { conditions: ["@dynamo/source"], externalConditions: ["@dynamo/source"] } },
    test: {
      include: soaking ? soaks : tests,
      exclude: ["**/node_modules/**", ...(soaking ? [] : soaks)],
      passWithNoTests: soaking,
      testTimeout: hangLimit,
      hookTimeout: hangLimit,
      expect: { poll: { timeout: hangLimit } },
      maxWorkers: 2,
      ...test,
    },
  });
}
