/** Generations leave nothing behind: neither on the GPU nor in WASM's memory. */
import { generate } from "@dynamo/decode";
import { loadModel } from "@dynamo/model";
import { createWebRuntime, urlFiles } from "@dynamo/runtime-web";
import { expect, inject, test } from "vitest";
import { heldMemory, watchWorkers, type HeldMemory } from "./watched-worker.js";

test.each(["wasm", "webgpu"] as const)("%s: memory after 50 generations is that after 5", async (device) => {
  const restore = watchWorkers();
  const runtime = createWebRuntime({ device });
  try {
    const model = await loadModel(runtime, urlFiles(`${inject("fileServer")}/stories`));
    const held: HeldMemory[] = [];
    for (let i = 1; i <= 50; i++) {
      // Of unequal lengths, as visitors ask for them; the first five see every length.
      const { tokens } = await generate(model, "Once upon a time", { maxNewTokens: 2 + (i % 5), seed: i });
      expect(tokens.length).toBeGreaterThan(0);
      if (i === 5 || i === 50) held.push(await heldMemory());
    }
    const [early, late] = held as [HeldMemory, HeldMemory];
    expect(late).toEqual(early);
    expect(late.wasmBytes).toBeGreaterThan(2 ** 20);
    expect(late.buffers > 0).toBe(device === "webgpu");
  } finally {
    await runtime.dispose();
    restore();
  }
});
