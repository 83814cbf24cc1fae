/** The update against a float64 AdamW that is written out plainly here. */
import { tensor, type Runtime, type Tensor } from "@dynamo/core";
import { encodeOnnx } from "@dynamo/onnx";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gradientName } from "./gradient-graph.js";
import { moment1Name, moment2Name, updateGraph, type AdamwOptions, type TrainedParameter } from "./update-graph.js";

const parameters: readonly TrainedParameter[] = [
  { name: "matrix", dims: [3, 4], group: 0, weightDecay: 0.1 },
  { name: "bias", dims: [5], group: 1, weightDecay: 0 },
  { name: "head", dims: [2, 2], group: 1, weightDecay: 0.1 },
];
const rates = [0.01, 0.05] as const;
const steps = 12;

const count = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);
const values = (length: number, seed: number): number[] =>
  Array.from({ length }, (_, i) => Math.fround(Math.sin(seed * 12.9 + i * 78.2)));
const gradientAt = (index: number, step: number): number[] =>
  values(count((parameters[index] as TrainedParameter).dims), 10 + index + step * 7);

interface Slot {
  w: number[];
  m: number[];
  v: number[];
}

/** Algorithm 2 of Loshchilov and Hutter, with clipping by the norm of all gradients. */
function plainAdamw(options: AdamwOptions): { slots: Slot[]; norms: number[] } {
  const slots = parameters.map(({ dims }, i): Slot => {
    const zeros = new Array<number>(count(dims)).fill(0);
    return { w: values(count(dims), i), m: [...zeros], v: [...zeros] };
  });
  const norms: number[] = [];
  for (let t = 1; t <= steps; t++) {
    const gradients = parameters.map((_, i) => gradientAt(i, t));
    const norm = Math.sqrt(gradients.flat().reduce((sum, g) => sum + g * g, 0));
    norms.push(norm);
    const clip = Math.min(1, options.clipNorm / norm);
    for (const [i, { group, weightDecay }] of parameters.entries()) {
      const { w, m, v } = slots[i] as Slot;
      const rate = rates[group as 0 | 1];
      for (let j = 0; j < w.length; j++) {
        const g = ((gradients[i] as number[])[j] as number) * clip;
        m[j] = options.beta1 * (m[j] as number) + (1 - options.beta1) * g;
        v[j] = options.beta2 * (v[j] as number) + (1 - options.beta2) * g * g;
        const mean = (m[j] as number) / (1 - options.beta1 ** t);
        const square = (v[j] as number) / (1 - options.beta2 ** t);
        w[j] = (w[j] as number) * (1 - rate * weightDecay) - (rate * mean) / (Math.sqrt(square) + options.epsilon);
      }
    }
  }
  return { slots, norms };
}

let runtime: Runtime;
beforeAll(() => {
  runtime = createNodeRuntime({ device: "cpu", threads: 2 });
});
afterAll(() => runtime.dispose());

/** With a scale, the gradients are those of a loss that was multiplied by it. */
async function graphAdamw(options: AdamwOptions, scale?: number): Promise<{ slots: Slot[]; norms: number[] }> {
  const graph = updateGraph(parameters, 2, options, { scaled: scale !== undefined });
  const session = await runtime.createSession({ bytes: await encodeOnnx(graph) });
  const inverse = scale === undefined ? {} : { inverse_scale: tensor("float32", [], Float32Array.of(1 / scale)) };
  const tensors: Record<string, Tensor> = {};
  for (const [i, { name, dims }] of parameters.entries()) {
    tensors[name] = tensor("float32", dims, Float32Array.from(values(count(dims), i)));
    for (const toName of [gradientName, moment1Name, moment2Name]) tensors[toName(name)] = tensor("float32", dims);
  }
  const state = await runtime.createState(tensors);
  const norms: number[] = [];
  for (let t = 1; t <= steps; t++) {
    const gradients: Record<string, Tensor> = {};
    for (const [i, { name, dims }] of parameters.entries())
      gradients[gradientName(name)] = tensor(
        "float32",
        dims,
        Float32Array.from(gradientAt(i, t), (g) => g * (scale ?? 1)),
      );
    await state.write(gradients);
    const corrections = [1 / (1 - options.beta1 ** t), 1 / (1 - options.beta2 ** t)];
    const feeds = {
      learning_rates: tensor("float32", [2], Float32Array.from(rates)),
      corrections: tensor("float32", [2], Float32Array.from(corrections)),
      ...inverse,
    };
    const { gradient_norm: norm } = await session.run(feeds, ["gradient_norm"], { state });
    norms.push((norm as Tensor<"float32">).data[0] as number);
  }
  const read = async (name: string): Promise<number[]> => [
    ...((await state.read([name]))[name] as Tensor<"float32">).data,
  ];
  const slots: Slot[] = [];
  for (const { name } of parameters)
    slots.push({ w: await read(name), m: await read(moment1Name(name)), v: await read(moment2Name(name)) });
  await state.dispose();
  await session.dispose();
  return { slots, norms };
}

const common = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8 };
describe.each([
  ["without clipping", { ...common, clipNorm: Infinity }],
  ["clipped at every step", { ...common, clipNorm: 0.5 }],
  ["clipped at some steps", { ...common, clipNorm: 2.9 }],
  ["with a large epsilon and no momentum", { beta1: 0, beta2: 0.5, epsilon: 0.1, clipNorm: Infinity }],
])("the update, %s", (_, options) => {
  test.each([undefined, 2 ** 16])("is AdamW in float64, but for float32's rounding (loss scale %s)", async (scale) => {
    const [expected, found] = [plainAdamw(options), await graphAdamw(options, scale)];
    for (const [i, norm] of expected.norms.entries()) expect(found.norms[i]).toBeCloseTo(norm, 5);
    for (const [i, slot] of expected.slots.entries())
      for (const key of ["w", "m", "v"] as const)
        for (const [j, value] of slot[key].entries())
          expect(Math.abs(((found.slots[i] as Slot)[key][j] as number) - value)).toBeLessThan(2e-6);
  });
});

test("clipping tests what it says: the steps' norms lie on both sides of 2.9", () => {
  const { norms } = plainAdamw({ ...common, clipNorm: Infinity });
  expect([norms.some((norm) => norm < 2.9), norms.some((norm) => norm > 2.9)]).toEqual([true, true]);
});
