import { tensor } from "@dynamo/core";
import { encodeOnnx, graphBuilder } from "@dynamo/onnx";
import { createNodeRuntime } from "@dynamo/runtime-node";
import fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { int8Product, int8Weights, largestCode, quantizeRows } from "./int8-product.js";

const runtime = createNodeRuntime({ device: "cpu" });
afterAll(() => runtime.dispose());

const floats = (length: number): fc.Arbitrary<Float32Array> =>
  fc
    .float32Array({ minLength: length, maxLength: length, noNaN: true, noDefaultInfinity: true, min: -100, max: 100 })
    // A scale has to be a normal number: of smaller ones half the digits are missing.
    .map((matrix) => matrix.map((value) => (Math.abs(value) < 1e-30 ? 0 : value)));

it("codes are whole, of seven bits, and within half a step of what they stand for", () => {
  fc.assert(
    fc.property(floats(35), (matrix) => {
      const { values, scales } = quantizeRows(matrix, 5, 7);
      for (let row = 0; row < 5; row++) {
        for (let i = 0; i < 7; i++) {
          const [code, scale] = [values[i * 5 + row] as number, scales[row] as number];
          expect(Math.abs(code)).toBeLessThanOrEqual(largestCode);
          expect(Math.abs(code * scale - (matrix[row * 7 + i] as number))).toBeLessThanOrEqual(0.5001 * scale);
        }
      }
    }),
  );
});

const [inputs, outputs] = [50, 33];

async function productOf(matrix: Float32Array): Promise<(x: Float32Array) => Promise<Float32Array>> {
  const graph = graphBuilder("product");
  const x = graph.input("x", "float32", ["B", "P", inputs]);
  const load = (): Promise<Float32Array> => Promise.resolve(matrix);
  const y = int8Product(graph, x, ...int8Weights(graph, { name: "w", inputs, outputs, load }));
  graph.output("y", y, "float32", ["B", "P", outputs]);
  const session = await runtime.createSession({
    bytes: await encodeOnnx({ graph: graph.finish(), opsets: { "": 21 }, metadata: {} }),
  });
  return async (data) => {
    const { y: result } = await session.run({ x: tensor("float32", [1, data.length / inputs, inputs], data) }, ["y"]);
    return result?.data as Float32Array;
  };
}

const random = (length: number, scale = 1): Float32Array =>
  Float32Array.from({ length }, (_, i) => scale * Math.sin(12.9898 * (i + 1)) * ((i % 7) + 1));

it("is the product of the whole numbers that it says, by hand", async () => {
  const matrix = random(outputs * inputs);
  const x = random(3 * inputs, 0.1);
  const received = await (await productOf(matrix))(x);
  const { values, scales } = quantizeRows(matrix, outputs, inputs);
  for (let row = 0; row < 3; row++) {
    const own = x.subarray(row * inputs, (row + 1) * inputs);
    const peak = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (let column = 0; column < outputs; column++) {
      let sum = 0;
      for (let i = 0; i < inputs; i++)
        sum += Math.round(((own[i] as number) / peak) * 127) * (values[i * outputs + column] as number);
      const expected = (sum * peak * (scales[column] as number)) / 127;
      // A code may fall on the other side of a half: the step of one code times a weight.
      expect(Math.abs((received[row * outputs + column] as number) - expected)).toBeLessThan(0.02 * peak * 7);
    }
  }
});

it("gives a row the same bits alone, beside others, and beside one that is a thousand times as large", async () => {
  const product = await productOf(random(outputs * inputs));
  const rows = [random(inputs), random(inputs, 1000), new Float32Array(inputs)];
  const alone = await Promise.all(rows.map(product));
  const together = new Float32Array(3 * inputs);
  for (const [i, row] of rows.entries()) together.set(row, i * inputs);
  const received = await product(together);
  for (const [i, own] of alone.entries()) expect(received.slice(i * outputs, (i + 1) * outputs)).toEqual(own);
  expect(alone[2]?.every((value) => value === 0)).toBe(true);
});
