/** Training of conditional parts as torch has it: losses, gradients and weights after three steps (__fixtures__/conditional.py). */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, expect, test } from "vitest";
import { runTrainingVectors } from "../src/run/training-vectors.js";

const folder = join(import.meta.dirname, "__fixtures__/conditional");
const runtime = createNodeRuntime({ device: "cpu", threads: 1 });
afterAll(() => runtime.dispose());

test.each(readdirSync(folder))("%s", async (name) => {
  const failed: string[] = [];
  const passed: string[] = [];
  for await (const check of runTrainingVectors(runtime, join(folder, name)))
    (check.passed ? passed : failed).push(`${check.name}: ${check.detail}`);
  expect(failed).toEqual([]);
  expect(passed.filter((line) => line.includes("behind the tokens between")).length).toBeGreaterThanOrEqual(3);
  expect(passed.filter((line) => line.includes("dynamo.conditional.")).length).toBeGreaterThanOrEqual(10);
});
