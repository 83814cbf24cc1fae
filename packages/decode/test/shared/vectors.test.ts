import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { runVectors } from "../../src/testing.js";

const file = resolve(
  process.env["DYNAMO_SHARED"] ?? resolve(import.meta.dirname, "../../../../../shared"),
  "vectors/decode-step.json",
);

if (!existsSync(file)) process.stdout.write("skipped: the golden vectors of ../shared are not here\n");

it.skipIf(!existsSync(file))("passes the golden vectors of one decoding step", () => {
  expect(runVectors(JSON.parse(readFileSync(file, "utf8")))).toEqual({ passed: 60, failed: 0, failures: [] });
});
