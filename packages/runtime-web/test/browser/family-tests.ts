/** All heads' logits of a family's model in a browser, and what must hold of them. */
import { loadModel } from "@dynamo/model";
import { createWebRuntime, urlFiles } from "@dynamo/runtime-web";
import { expect, inject, test } from "vitest";
import type { FamilyCase } from "../family-models.js";

/** All heads' logits of a row: its first half in one pass, then token by token. */
async function logitsOf(device: "wasm" | "webgpu", family: FamilyCase, dtype: "fp32" | "q4") {
  const { name, tokens, heads, following } = family;
  const runtime = createWebRuntime({ device });
  try {
    const model = await loadModel(runtime, urlFiles(`${inject("fileServer")}/families/${name}`), { dtype });
    const cache = await model.createCache({ rows: 1 });
    const found: number[] = [];
    const half = tokens.length / 2;
    const text = [...tokens, ...(following ?? [])];
    for (const part of [tokens.slice(0, half), ...tokens.slice(half).map((token) => [token])]) {
      const done = cache.lengths[0] ?? 0;
      const between = part.map((_, i) => text.slice(done + i + 1, done + i + heads));
      const feed = { tokens: part, positions: part.length, ...(following === undefined ? {} : { between }) };
      const { logits } = await model.forward(cache, [feed], { heads, topK: 1, logits: true });
      found.push(...((logits?.data ?? []) as Float32Array));
    }
    await cache.dispose();
    await model.dispose();
    return found;
  } finally {
    await runtime.dispose();
  }
}

export function familyTests(device: "wasm" | "webgpu"): void {
  test.each(inject("families"))(
    `${device}: $name: logits within 1e-3 of transformers' or torch's; 4 bits near`,
    async (family) => {
      const exact = await logitsOf(device, family, "fp32");
      expect(exact.length).toBe(family.logits.length);
      expect(Math.max(...exact.map((value, i) => Math.abs(value - (family.logits[i] ?? NaN))))).toBeLessThan(1e-3);
      const packed = await logitsOf(device, family, "q4");
      const size = Math.sqrt(family.logits.reduce((sum, value) => sum + value ** 2, 0));
      const error = Math.sqrt(packed.reduce((sum, value, i) => sum + (value - (family.logits[i] ?? NaN)) ** 2, 0));
      expect(error / size).toBeLessThan(0.9);
    },
  );
}
