/** LongRoPE on both sides of the length that a model was first trained with; the right values are transformers'. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tensor, type Runtime } from "@dynamo/core";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { convertCheckpoint, stemGraphFile, writeStem } from "../src/convert.js";
import { loadModel, type LoadedModel } from "../src/folder/load.js";
import { readJson } from "./family-fixture.js";
import { logitsInPieces, pieceSizes } from "./logits-in-pieces.js";
import { difference, readLogits } from "./read-logits.js";

const fixture = join(import.meta.dirname, "__fixtures__/families/phi3-longrope");
const { tokens } = readJson(fixture, "tokens.json") as { readonly tokens: number[][] };
const short = tokens.map((row) => row.slice(0, 11));
const expectedShort = readLogits(join(fixture, "expected-short.safetensors"), ["head_1", "head_2"]);

let target: string;
let runtime: Runtime;
let model: LoadedModel;

beforeAll(async () => {
  target = await mkdtemp(join(tmpdir(), "dynamo-long-rope-"));
  runtime = createNodeRuntime({ device: "cpu" });
  await convertCheckpoint(fixture, join(target, "model"), { dtypes: ["fp32"] });
  model = await loadModel(runtime, join(target, "model"));
});
afterAll(async () => {
  await model.dispose();
  await runtime.dispose();
  await rm(target, { recursive: true });
});

test("the context is that of the long factors", () => expect(model.info.contextLength).toBe(64));

test("a text that fits into the first length has transformers' logits, in any pieces", async () => {
  for (const sizeOf of pieceSizes) {
    const received = await logitsInPieces(model, short, sizeOf);
    received.forEach((logits, row) => expect(difference(logits, expectedShort, row).largest).toBeLessThan(1e-3));
  }
});

test("a cache for longer texts rotates by the long factors from the first token", async () => {
  const firstLogits = async (maxLength: number): Promise<Float32Array> => {
    const cache = await model.createCache({ rows: 1, maxLength });
    const feeds = [{ tokens: short[0]?.slice(0, 4) ?? [], positions: 4 }];
    const { logits } = await model.forward(cache, feeds, { heads: 1, topK: 1, logits: true });
    await cache.dispose();
    return logits?.data ?? new Float32Array();
  };
  const [fits, one, longest] = await Promise.all([firstLogits(11), firstLogits(12), firstLogits(64)]);
  expect(one).toEqual(longest);
  expect(Math.max(...fits.map((value, i) => Math.abs(value - (one[i] ?? 0))))).toBeGreaterThan(0.01);
});

test("rows of the two kinds of cache do not mix", async () => {
  const [fits, longer] = [await model.createCache({ rows: 1, maxLength: 11 }), await model.createCache({ rows: 1 })];
  await expect(longer.copyRow(0, 0, 0, fits)).rejects.toThrow(
    "this model rotates long texts otherwise: a row of a cache for 11 positions does not fit one for 64",
  );
  await Promise.all([fits.dispose(), longer.dispose()]);
});

test("the stem for training chooses by the window's length", async () => {
  await writeStem(fixture, join(target, "stem"), { dtype: "fp32" });
  const session = await runtime.createSession({ path: join(target, "stem", stemGraphFile) });
  const statesOf = async (length: number): Promise<Float32Array> => {
    const feeds = {
      tokens: tensor("int32", [1, length], Int32Array.from(tokens[0]?.slice(0, length) ?? [])),
      first_head: tensor("bool", [], Uint8Array.of(0)),
    };
    return (await session.run(feeds, ["hidden"]))["hidden"]?.data as Float32Array;
  };
  const [fits, one, longest] = [await statesOf(11), await statesOf(12), await statesOf(24)];
  // Causal: what stands behind a position changes nothing but the rotation.
  const first = (states: Float32Array): Float32Array => states.slice(0, 11 * model.config.hiddenSize);
  const largest = (a: Float32Array, b: Float32Array): number => Math.max(...a.map((x, i) => Math.abs(x - (b[i] ?? 0))));
  expect(largest(first(one), first(longest))).toBeLessThan(1e-5);
  expect(largest(first(fits), first(one))).toBeGreaterThan(0.001);
  await session.dispose();
});
