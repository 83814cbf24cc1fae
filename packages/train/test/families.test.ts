/** Every family's loss and gradients, as torch has them: the fixtures of @dynamo/model, whose script says what the numbers are. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { tensor, type Runtime, type Tensor } from "@dynamo/core";
import { openCheckpoint } from "@dynamo/model";
import { nodeFolder } from "@dynamo/model/convert";
import { encodeOnnx } from "@dynamo/onnx";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gradientGraph, gradientName } from "../src/graph/gradient-graph.js";
import { modelShapes } from "../src/graph/model-shapes.js";

const families = join(import.meta.dirname, "../../model/test/__fixtures__/families");

interface Expected {
  readonly loss: number;
  /** Σ g·sin(i + 1) and √Σ g² of each tensor. */
  readonly gradients: Readonly<Record<string, readonly [number, number]>>;
}

const readJson = (folder: string, name: string): unknown =>
  JSON.parse(readFileSync(join(families, folder, name), "utf8"));

let runtime: Runtime;
beforeAll(() => {
  runtime = createNodeRuntime({ device: "cpu" });
});
afterAll(() => runtime.dispose());

/** Head n has token t + n for target, at all but the last two places. */
function feedsOf(rows: readonly (readonly number[])[]): Record<string, Tensor> {
  const length = (rows[0]?.length ?? 0) - 2;
  const size = rows.length * length;
  const from = (n: number): number[] => rows.flatMap((row) => row.slice(n, n + length));
  return {
    tokens: tensor("int32", [rows.length, length], Int32Array.from(from(0))),
    targets: tensor("int32", [2, size], Int32Array.from([...from(1), ...from(2)])),
    target_weights: tensor("float32", [2, size], new Float32Array(2 * size).fill(1 / size)),
  };
}

test.each(readdirSync(families))("%s: both heads' loss and all gradients are torch's", async (name) => {
  const { tokens } = readJson(name, "tokens.json") as { readonly tokens: number[][] };
  const expected = readJson(name, "expected-gradients.json") as Expected;
  const checkpoint = await openCheckpoint(nodeFolder(join(families, name)));
  const { config } = checkpoint;
  const shapes = modelShapes(config);
  const trained = new Set(shapes.keys());
  const size = { batch: tokens.length, sequence: (tokens[0]?.length ?? 0) - 2 };
  const options = { config, shapes, ...size, stemGradientScale: 1, trained, headWeights: [1, 1], accumulate: false };
  const session = await runtime.createSession({ bytes: await encodeOnnx(gradientGraph(options)) });
  const weights: Record<string, Tensor> = {};
  for (const [tensorName, dims] of shapes)
    weights[tensorName] = tensor("float32", dims, await checkpoint.read(tensorName));
  const outputs = [...shapes.keys()].map((key) => `${gradientName(key)}.next`);
  const results = await session.run({ ...feedsOf(tokens), ...weights }, ["losses", ...outputs]);

  const losses = results["losses"]?.data as Float32Array;
  expect((losses[0] ?? NaN) + (losses[1] ?? NaN)).toBeCloseTo(expected.loss, 3);
  expect(Object.keys(expected.gradients).sort()).toEqual([...shapes.keys()].sort());
  for (const [key, [projection, norm]] of Object.entries(expected.gradients)) {
    const gradient = results[`${gradientName(key)}.next`]?.data as Float32Array;
    const own = gradient.reduce((sum, value, i) => sum + value * Math.sin(i + 1), 0);
    const ownNorm = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
    // A key's bias has no gradient but rounding's where it is not rotated.
    const tolerance = 2e-4 * norm + 1e-6;
    expect([key, Math.abs(ownNorm - norm) < tolerance, Math.abs(own - projection) < tolerance * 10]).toEqual([
      key,
      true,
      true,
    ]);
  }
  await session.dispose();
  await checkpoint.close();
});
