/** Losses, gradients and weights against a reference framework's. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, describe, expect, test } from "vitest";
import { runTrainingVectors } from "../../src/run/training-vectors.js";

const shared = process.env["DYNAMO_SHARED"] ?? join(import.meta.dirname, "../../../../../shared");
const vectors = join(shared, "vectors");

describe.skipIf(!existsSync(vectors))("golden vectors of training (need ../shared)", () => {
  const runtime = createNodeRuntime({ device: "cpu" });
  afterAll(() => runtime.dispose());

  test.each(["neox-t3", "neox-t1", "families/llama-gqa", "families/qwen3"])("%s", async (name) => {
    const failed: string[] = [];
    let passed = 0;
    for await (const check of runTrainingVectors(runtime, join(vectors, name))) {
      if (check.passed) passed++;
      else failed.push(`${check.name}: ${check.detail}`);
    }
    expect(failed).toEqual([]);
    expect(passed).toBeGreaterThan(60);
  });
});
