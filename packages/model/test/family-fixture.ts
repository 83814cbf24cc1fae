/** A checkpoint of a family with what transformers computes from it: `tests` registers what must hold of ours. */
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Runtime } from "@dynamo/core";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { convertCheckpoint } from "../src/convert.js";
import { loadModel, type LoadedModel } from "../src/folder/load.js";
import type { ModelDType } from "../src/graph/precision.js";
import { logitsInPieces, pieceSizes } from "./logits-in-pieces.js";
import { difference, readLogits } from "./read-logits.js";

export interface Greedy {
  readonly prompt: readonly number[];
  readonly tokens: readonly number[];
}

export const readJson = (folder: string, name: string): unknown => JSON.parse(readFileSync(join(folder, name), "utf8"));

/** [rows, places, vocabulary] of each head, from 1. */
const expectedLogits = (folder: string): Float32Array[] =>
  readLogits(join(folder, "expected-logits.safetensors"), ["head_1", "head_2", "head_3", "head_4"]);

/** Greedy ids behind a prompt, as many as are expected. */
export async function greedy(model: LoadedModel, { prompt, tokens }: Greedy): Promise<number[]> {
  const cache = await model.createCache({ rows: 1, maxLength: prompt.length + tokens.length });
  const written: number[] = [];
  for (let next = [...prompt]; written.length < tokens.length;) {
    const { candidates } = await model.forward(cache, [{ tokens: next }], { heads: 1, topK: 1 });
    const best = candidates[0]?.[0]?.[0]?.ids[0] ?? -1;
    written.push(best);
    next = [best];
  }
  await cache.dispose();
  return written;
}

/** Logits within 1e-3 of transformers' however the tokens are fed, its greedy ids, and logits near these with fewer bits. */
export function familyTests(folder: string): void {
  const { tokens } = readJson(folder, "tokens.json") as { readonly tokens: number[][] };
  const expected = expectedLogits(folder);
  let target: string;
  let runtime: Runtime;
  const load = (dtype: ModelDType): Promise<LoadedModel> => loadModel(runtime, join(target, "model"), { dtype });

  beforeAll(async () => {
    target = await mkdtemp(join(tmpdir(), "dynamo-family-"));
    runtime = createNodeRuntime({ device: "cpu" });
    const options = { dtypes: ["fp32", "fp16", "q8", "int8", "q4"], activations: "fp32" } as const;
    await convertCheckpoint(folder, join(target, "model"), options);
  });
  afterAll(async () => {
    await runtime.dispose();
    await rm(target, { recursive: true });
  });

  test("computes transformers' logits, however the tokens are fed, and writes its greedy ids", async () => {
    const model = await load("fp32");
    expect(model.info.tokenHeads).toBe(expected.length);
    for (const sizeOf of pieceSizes) {
      const received = await logitsInPieces(model, tokens, sizeOf);
      received.forEach((logits, row) => expect(difference(logits, expected, row).largest).toBeLessThan(1e-3));
    }
    const [alone = []] = await logitsInPieces(model, tokens.slice(1, 2), () => 5);
    expect(difference(alone, expected, 1).largest).toBeLessThan(1e-3);
    const text = readJson(folder, "expected-greedy.json") as Greedy;
    expect(await greedy(model, text)).toEqual(text.tokens);
    expect(model.warnings).toEqual([]);
    await model.dispose();
  });

  test.each([
    ["fp16", 0.01],
    ["q8", 0.1],
    ["int8", 0.25],
    ["q4", 0.9],
  ] as const)("computes logits near these in %s", async (dtype, tolerance) => {
    const model = await load(dtype);
    const received = await logitsInPieces(model, tokens, () => 7);
    received.forEach((logits, row) => expect(difference(logits, expected, row).relative).toBeLessThan(tolerance));
    await model.dispose();
  });
}
