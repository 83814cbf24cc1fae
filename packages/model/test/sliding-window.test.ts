/** Models with windows or short convolutions on texts that their caches forget: what a whole text gives in one pass, in which nothing is forgotten. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KvCache, Runtime } from "@dynamo/core";
import { createNodeRuntime } from "@dynamo/runtime-node";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { convertCheckpoint } from "../src/convert.js";
import { rollback } from "../src/graph/cache-tensors.js";
import { loadModel, type LoadedModel } from "../src/folder/load.js";
import { logitsInPieces, type SizeOf } from "./logits-in-pieces.js";

const randomTokens = (length: number, seed: number): number[] =>
  Array.from({ length }, (_, i) => (i * i * 7 + seed * 31 + i) % 50);

const farthest = (a: readonly Float32Array[], b: readonly Float32Array[]): number =>
  Math.max(...a.flatMap((logits, i) => Array.from(logits, (value, j) => Math.abs(value - (b[i]?.[j] ?? NaN)))));

describe.each(["mistral", "gemma3", "lfm2", "lfm2-biases"])("%s", (family) => {
  let target: string;
  let runtime: Runtime;
  let model: LoadedModel;

  beforeAll(async () => {
    target = await mkdtemp(join(tmpdir(), "dynamo-window-"));
    runtime = createNodeRuntime({ device: "cpu" });
    const [fixture, longer] = [join(import.meta.dirname, "__fixtures__/families", family), join(target, "checkpoint")];
    await cp(fixture, longer, { recursive: true });
    const config = JSON.parse(await readFile(join(fixture, "config.json"), "utf8")) as object;
    await writeFile(join(longer, "config.json"), JSON.stringify({ ...config, max_position_embeddings: 512 }));
    await convertCheckpoint(longer, join(target, "model"), { dtypes: ["fp32"] });
    model = await loadModel(runtime, join(target, "model"), { dtype: "fp32" });
  });
  afterAll(async () => {
    await runtime.dispose();
    await rm(target, { recursive: true });
  });

  test("a text in pieces, alone and ragged, is the text in one pass", async () => {
    const rows = [1, 2, 3].map((seed) => randomTokens(128, seed));
    const whole = await logitsInPieces(model, rows, () => 128);
    const ragged: SizeOf = (pass, row) => (pass === 50 ? 128 : 1 + ((pass + 2 * row) % 3));
    for (const received of [await logitsInPieces(model, rows, () => 1), await logitsInPieces(model, rows, ragged)])
      for (const [row, logits] of received.entries()) expect(farthest(logits, whole[row] ?? [])).toBeLessThan(1e-4);
  });

  test("rows go back as far as is promised, by drafts and by copies, and say how far they can", async () => {
    expect(model.info.rollback).toBe(rollback);
    const step = fc.record({
      fed: fc.integer({ min: 1, max: 40 }),
      back: fc.integer({ min: 0, max: rollback }),
      copied: fc.boolean(),
    });
    const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
      const cache = await model.createCache({ rows: 2 });
      let held: number[] = [];
      for (const [i, { fed, back, copied }] of steps.entries()) {
        const tokens = randomTokens(fed, i).slice(0, 127 - held.length);
        if (tokens.length === 0) break;
        await model.forward(cache, [{ tokens }, { tokens: [5] }], { heads: 3, topK: 1 });
        cache.truncate(1, 0);
        held = [...held, ...tokens];
        const asked = Math.max(0, held.length - back);
        const kept = cache.reachable(0, asked);
        expect([asked, 0]).toContain(kept);
        if (copied) {
          await cache.copyRow(0, 1, kept);
          cache.truncate(0, 0);
          await cache.copyRow(1, 0);
          cache.truncate(1, 0);
        } else cache.truncate(0, kept);
        held.length = kept;
      }
      expect(await nextDiffers(cache, held)).toBeLessThan(1e-4);
    });
    await fc.assert(property, { numRuns: 25 });
  });

  /** How far the logits behind one more token are from those of a cache that got all of them in one pass. */
  async function nextDiffers(used: KvCache, held: readonly number[]): Promise<number> {
    const options = { heads: 3, topK: 1, logits: true } as const;
    const { logits } = await model.forward(used, [{ tokens: [7] }], options);
    const fresh = await model.createCache({ rows: 1 });
    const { logits: expected } = await model.forward(fresh, [{ tokens: [...held, 7] }], options);
    await Promise.all([used.dispose(), fresh.dispose()]);
    return farthest([logits?.data ?? new Float32Array()], [expected?.data ?? new Float32Array()]);
  }

  test("a row that goes back as far as it can still has all that its window shows", async () => {
    const tokens = randomTokens(127, 1);
    const cache = await model.createCache({ rows: 1 });
    await model.forward(cache, [{ tokens }], { heads: 3, topK: 1 });
    cache.truncate(0, 127 - rollback);
    expect(await nextDiffers(cache, tokens.slice(0, 127 - rollback))).toBeLessThan(1e-4);
  });

  test("a pass that is stopped midway spoils no later one unseen", async () => {
    const cache = await model.createCache({ rows: 1 });
    const options = { heads: 3, topK: 1 } as const;
    await model.forward(cache, [{ tokens: randomTokens(20, 1) }], options);
    // Looked at before each piece of a long feed: the first one is written.
    let looks = 0;
    const signal = Object.assign(new EventTarget(), { reason: undefined, throwIfAborted: () => undefined });
    Object.defineProperty(signal, "aborted", { get: () => looks++ > 0 });
    const long = { ...options, signal: signal as unknown as AbortSignal };
    await expect(model.forward(cache, [{ tokens: randomTokens(400, 2) }], long)).rejects.toMatchObject({
      code: "aborted",
    });
    expect(cache.lengths).toEqual([20]);
    await expect(model.forward(cache, [{ tokens: [7] }], options)).rejects.toThrow(
      "row 0 has lost what its window shows",
    );
    cache.truncate(0, 0);
    await model.forward(cache, [{ tokens: randomTokens(20, 1) }], options);
    expect(await nextDiffers(cache, randomTokens(20, 1))).toBeLessThan(1e-4);
  });

  test("what the cache has forgotten cannot be gone back to", async () => {
    const cache = await model.createCache({ rows: 2 });
    await model.forward(cache, [{ tokens: randomTokens(120, 1) }], { heads: 1, topK: 1 });
    expect([120, 56, 55, 1, 0].map((length) => cache.reachable(0, length))).toEqual([120, 56, 0, 0, 0]);
    expect(() => cache.truncate(0, 55)).toThrow(
      "row 0 has held 120 positions and can go back by 64 or to 0, received 55",
    );
    await expect(cache.copyRow(0, 1, 10)).rejects.toThrow("can go back by 64");
    cache.truncate(0, 56);
    expect(cache.reachable(0, 55)).toBe(0);
    await cache.copyRow(0, 1);
    expect([56, 55].map((length) => cache.reachable(1, length))).toEqual([56, 0]);
    cache.truncate(0, 0);
    await model.forward(cache, [{ tokens: randomTokens(60, 1) }], { heads: 1, topK: 1 });
    expect(cache.reachable(0, 1)).toBe(1);
    await cache.dispose();
  });
});
