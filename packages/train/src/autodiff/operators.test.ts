/** Every vector-Jacobian product against central differences in float64, and on ONNX Runtime against the same in float64. */
import { tensor, type Runtime, type Tensor } from "@dynamo/core";
import { encodeOnnx, graphBuilder, type GraphBuilder } from "@dynamo/onnx";
import { createNodeRuntime } from "@dynamo/runtime-node";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dense, evaluate, type Dense } from "../__oracle__/evaluate.js";
import { opsets } from "../graph/gradient-graph.js";
import { bytesOf } from "./bytes.js";
import {
  causalAttention,
  gelu,
  geluTanh,
  linear,
  normalise,
  normaliseRms,
  repeatHeads,
  rotate,
  silu,
} from "./composites.js";
import { causalConvolution } from "./convolution.js";
import { linearCrossEntropy } from "./cross-entropy.js";
import { distilledCrossEntropy } from "./distillation.js";
import * as operators from "./operators.js";
import { createTape, type Tape, type Variable } from "./tape.js";
import { largestDifference } from "../__fixtures__/tiny.js";

type Build = (tape: Tape, ...inputs: Variable[]) => Variable;

interface Case {
  readonly name: string;
  readonly dims: readonly (readonly number[])[];
  readonly build: Build;
  /** Inputs where the operator is defined and smooth. */
  readonly from?: number;
}

const ids = (graph: GraphBuilder, values: readonly number[], dims: readonly number[]): string =>
  graph.initializer(`ids.${values.join("_")}.${dims.join("_")}`, "int64", dims, () =>
    bytesOf(BigInt64Array.from(values, BigInt)),
  );
const floats = (graph: GraphBuilder, name: string, values: readonly number[], dims: readonly number[]): string =>
  graph.initializer(name, "float32", dims, () => bytesOf(Float32Array.from(values)));

const angles = (graph: GraphBuilder, sequence: number, half: number) => {
  const table = (f: (x: number) => number): number[] =>
    Array.from({ length: sequence * half }, (_, i) => f(Math.floor(i / half) * 10 ** -(i % half)));
  return {
    cosines: floats(graph, "cosines", table(Math.cos), [sequence, half]),
    sines: floats(graph, "sines", table(Math.sin), [sequence, half]),
    start: graph.ints([0]),
    dimensions: 2 * half,
  };
};

const targets = (graph: GraphBuilder) => ({
  ids: ids(graph, [2, 0, 4, 1], [4, 1]),
  weights: floats(graph, "weights", [0.5, 0.25, 0, 0.25], [4, 1]),
});

const teacher = (graph: GraphBuilder) => ({
  hidden: floats(graph, "teacher", [1, -2, 0.5, 0, 1, 3, -1, 1, 1, 2, 0, -1], [4, 3]),
  output: {
    embedding: {
      value: floats(graph, "teacher_embedding", [1, 0, 2, -1, 1, 0, 0.5, 2, 1, -2, 0, 1, 1, 1, -1], [5, 3]),
      dims: [5, 3],
      tracked: false,
    },
    cap: 2,
  },
  share: floats(graph, "share", [1, 0.3, 0.5, 0], [4, 1]),
});

const blocks = [
  { from: 0, to: 2 },
  { from: 2, to: 4 },
  { from: 4, to: 5 },
];
const attention: Build = (t, q, k, v) => causalAttention(t, q, k, v, { blocks });
const windowed: Build = (t, q, k, v) => causalAttention(t, q, k, v, { blocks, window: 3 });
const capped: Build = (t, q, k, v) => causalAttention(t, q, k, v, { blocks, softCap: 0.8 });

const cases: readonly Case[] = [
  { name: "add, repeated", dims: [[2, 3], [3]], build: operators.add },
  {
    name: "subtract, repeated",
    dims: [
      [2, 1],
      [2, 3],
    ],
    build: operators.subtract,
  },
  { name: "multiply, repeated", dims: [[2, 3], []], build: operators.multiply },
  { name: "divide", dims: [[2, 3], [3]], build: operators.divide, from: 1 },
  { name: "negate", dims: [[4]], build: operators.negate },
  { name: "scale", dims: [[4]], build: (t, x) => operators.scale(t, x, -1.5) },
  { name: "exponential", dims: [[2, 2]], build: operators.exponential },
  { name: "logarithm", dims: [[5]], build: operators.logarithm, from: 0.5 },
  { name: "squareRoot", dims: [[5]], build: operators.squareRoot, from: 0.5 },
  { name: "errorFunction", dims: [[6]], build: operators.errorFunction },
  { name: "sum", dims: [[2, 3, 2]], build: (t, x) => operators.sum(t, x, [0, 2]) },
  { name: "mean", dims: [[2, 3, 2]], build: (t, x) => operators.mean(t, x, [1]) },
  { name: "softmax", dims: [[3, 4]], build: operators.softmax },
  {
    name: "matrixProduct",
    dims: [
      [2, 3, 4],
      [2, 4, 2],
    ],
    build: operators.matrixProduct,
  },
  { name: "transpose", dims: [[2, 3, 4]], build: (t, x) => operators.transpose(t, x, [2, 0, 1]) },
  { name: "reshape", dims: [[2, 6]], build: (t, x) => operators.reshape(t, x, [3, 4]) },
  { name: "shift", dims: [[2, 3, 2]], build: (t, x) => operators.shift(t, x, 1, 2) },
  { name: "shift back", dims: [[2, 3, 2]], build: (t, x) => operators.shift(t, x, 1, -1) },
  { name: "shift by more than there is", dims: [[2, 3]], build: (t, x) => operators.shift(t, x, 1, 4) },
  { name: "causalConvolution", dims: [[2, 5, 3], [3, 4], [3]], build: causalConvolution },
  {
    name: "causalConvolution, a text shorter than its taps",
    dims: [
      [2, 2, 3],
      [3, 4],
    ],
    build: (t, x, w) => causalConvolution(t, x, w),
  },
  {
    name: "split, with an unused part",
    dims: [[2, 5]],
    build: (t, x) => {
      const [a, , c] = operators.split(t, x, 1, [2, 1, 2]) as [Variable, Variable, Variable];
      return operators.multiply(t, a, c);
    },
  },
  {
    name: "concatenate",
    dims: [
      [2, 1],
      [2, 3],
    ],
    build: (t, a, b) => operators.concatenate(t, [a, b], 1),
  },
  {
    name: "gatherRows, an id several times",
    dims: [[4, 3]],
    build: (t, x) => operators.gatherRows(t, x, ids(t.graph, [1, 3, 1, 0, 1], [5]), 5),
  },
  {
    name: "takeAlongRows",
    dims: [[3, 4]],
    build: (t, x) => operators.takeAlongRows(t, x, ids(t.graph, [3, 0, 2], [3, 1])),
  },
  { name: "linear", dims: [[4, 3], [2, 3], [2]], build: (t, x, w, b) => linear(t, x, w, b) },
  {
    name: "linear with a factor",
    dims: [[4, 3], [2, 3], [2]],
    build: (t, x, w, b) => linear(t, x, w, b, { alpha: 0.7 }),
  },
  {
    name: "linear whose input is computed again",
    dims: [
      [4, 3],
      [2, 3],
    ],
    build: (t, x, w) => linear(t, x, w, undefined, { alpha: 0.7, again: (s) => operators.scale(s, x, 1) }),
  },
  {
    name: "linear with a residual",
    dims: [
      [4, 3],
      [2, 3],
      [4, 2],
    ],
    build: (t, x, w, r) => linear(t, x, w, r, { alpha: -0.5 }),
  },
  { name: "normalise", dims: [[3, 5]], build: (t, x) => normalise(t, x, 1e-5) },
  { name: "normaliseRms", dims: [[3, 5]], build: (t, x) => normaliseRms(t, x, 1e-5) },
  {
    name: "gelu of √2·u",
    dims: [[3, 4]],
    build: (t, u) => {
      const { variable, factor } = gelu(t, u);
      return operators.scale(t, variable, factor);
    },
  },
  { name: "geluTanh", dims: [[3, 4]], build: geluTanh },
  { name: "silu", dims: [[3, 4]], build: silu },
  { name: "repeatHeads", dims: [[2, 2, 3, 2]], build: (t, x) => repeatHeads(t, x, 3) },
  { name: "rotate, some dimensions", dims: [[2, 1, 3, 6]], build: (t, x) => rotate(t, x, angles(t.graph, 3, 2)) },
  { name: "rotate, all dimensions", dims: [[1, 2, 3, 4]], build: (t, x) => rotate(t, x, angles(t.graph, 3, 2)) },
  { name: "causalAttention", dims: Array.from({ length: 3 }, () => [2, 2, 5, 3]), build: attention },
  { name: "causalAttention to a window", dims: Array.from({ length: 3 }, () => [2, 2, 5, 3]), build: windowed },
  { name: "causalAttention of capped scores", dims: Array.from({ length: 3 }, () => [2, 2, 5, 3]), build: capped },
  {
    name: "linearCrossEntropy, a row that does not count",
    dims: [
      [4, 3],
      [5, 3],
    ],
    build: (t, h, w) => linearCrossEntropy(t, h, { embedding: w }, targets(t.graph)),
  },
  {
    name: "linearCrossEntropy of capped logits",
    dims: [
      [4, 3],
      [5, 3],
    ],
    build: (t, h, w) => linearCrossEntropy(t, h, { embedding: w, cap: 0.7 }, targets(t.graph)),
  },
  {
    name: "distilledCrossEntropy, rows with and without a teacher",
    dims: [
      [4, 3],
      [5, 3],
    ],
    build: (t, h, w) =>
      distilledCrossEntropy(t, h, { embedding: w, cap: 1.5 }, targets(t.graph), teacher(t.graph)).objective,
  },
];

/** A weighted sum of an operator's result, its gradients as outputs, and inputs drawn from a seed. */
function problem({ dims, build, from = -1 }: Case, seed: number) {
  const graph = graphBuilder("test");
  const tape = createTape(graph);
  const parameters = dims.map((own, i) => tape.parameter(`x${i}`, own));
  const y = build(tape.scope("operator"), ...parameters);
  const random = randomNumbers(seed);
  const weights = { value: floats(graph, "mixture", random(count(y.dims), -1), y.dims), dims: y.dims, tracked: false };
  const weighted = operators.multiply(tape, y, weights);
  const axes = y.dims.map((_, axis) => axis);
  const loss = axes.length === 0 ? weighted : operators.reshape(tape, operators.sum(tape, weighted, axes), []);
  const gradients = tape.gradients(loss, parameters);
  graph.output("loss", loss.value, "float32", []);
  for (const [i, { value, dims: own }] of gradients.entries()) graph.output(`d${i}`, value, "float32", own);
  const inputs = Object.fromEntries(dims.map((own, i) => [`x${i}`, dense(own, random(count(own), from))]));
  return { model: { graph: graph.finish(), opsets, metadata: {} }, inputs };
}

const count = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

/** Numbers in [from, from + 2), as float32 holds them. */
function randomNumbers(seed: number): (length: number, from: number) => number[] {
  let state = seed;
  return (length, from) =>
    Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      return Math.fround(from + 2 * ((state >>> 0) / 2 ** 32));
    });
}

async function centralDifference(
  model: Awaited<ReturnType<typeof problem>>["model"],
  inputs: Record<string, Dense>,
  name: string,
) {
  const step = 1e-5;
  const x = inputs[name] as Dense;
  const lossAt = async (i: number, by: number): Promise<number> => {
    const moved = { dims: x.dims, data: x.data.with(i, (x.data[i] as number) + by) };
    return (await evaluate(model.graph, { ...inputs, [name]: moved })).get("loss")?.data[0] as number;
  };
  const differences: number[] = [];
  for (let i = 0; i < x.data.length; i++)
    differences.push(((await lossAt(i, step)) - (await lossAt(i, -step))) / (2 * step));
  return differences;
}

describe.each(cases)("$name", (example) => {
  let runtime: Runtime;
  beforeAll(() => {
    runtime = createNodeRuntime({ device: "cpu" });
  });
  afterAll(() => runtime.dispose());

  test("the gradient is that of central differences", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 2 ** 30 }), async (seed) => {
        const { model, inputs } = problem(example, seed);
        const values = await evaluate(model.graph, inputs);
        for (const i of example.dims.keys()) {
          const gradient = values.get(`d${i}`)?.data as Float64Array;
          const difference = largestDifference(gradient, await centralDifference(model, inputs, `x${i}`));
          // The difference's own error is step² times the third derivative, which grows with the gradient.
          const scale = Math.max(1, ...gradient.map(Math.abs));
          expect(difference).toBeLessThan(1e-6 * scale);
        }
      }),
      { numRuns: 5 },
    );
  });

  test("ONNX Runtime computes the same", async () => {
    const { model, inputs } = problem(example, 7);
    const session = await runtime.createSession({ bytes: await encodeOnnx(model) });
    const feeds: Record<string, Tensor> = {};
    for (const [name, { dims, data }] of Object.entries(inputs))
      feeds[name] = tensor("float32", dims, Float32Array.from(data));
    const results = await session.run(feeds, ["loss", ...example.dims.map((_, i) => `d${i}`)]);
    const values = await evaluate(model.graph, inputs);
    for (const [name, result] of Object.entries(results))
      expect(largestDifference(result.data as Float32Array, (values.get(name) as Dense).data)).toBeLessThan(2e-5);
    await session.dispose();
  });
});
