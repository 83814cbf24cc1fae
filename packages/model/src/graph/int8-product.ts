/**
 * Products in int8 whose cost hardly grows with the rows of a pass: ONNX Runtime's MatMulInteger reads its weights once for all of them, where
 * MatMulNBits reads them again for each (docs/decisions/0023-int8-products.md). Activations are rounded with a scale for each row, so that what a
 * token gets does not depend on the tokens beside it.
 */
import type { GraphBuilder, Value } from "@dynamo/onnx";
import { bytesOf, type LoadFloats } from "./floats.js";
import { once } from "./once.js";

/**
 * The largest code of a weight: 7 bits. Processors without VNNI add two products of an unsigned and a signed byte in 16 bits:
 * 2 · 255 · 63 fits, and with 127 it would be cut off.
 */
export const largestCode = 63;

/** A matrix [outputs, inputs] in 7 bits, a scale for each output. */
export interface Int8Matrix {
  /** [inputs, outputs], as MatMulInteger reads it. */
  readonly values: Int8Array;
  /** [outputs] */
  readonly scales: Float32Array;
}

/** The nearest codes; of a row of zeros the scale is 0. */
export function quantizeRows(matrix: Float32Array, outputs: number, inputs: number): Int8Matrix {
  const values = new Int8Array(matrix.length);
  const scales = new Float32Array(outputs);
  for (let row = 0; row < outputs; row++) {
    let extreme = 0;
    for (let i = 0; i < inputs; i++) extreme = Math.max(extreme, Math.abs(matrix[row * inputs + i] as number));
    const scale = Math.fround(extreme / largestCode);
    scales[row] = scale;
    if (scale === 0) continue;
    for (let i = 0; i < inputs; i++)
      values[i * outputs + row] = Math.max(
        -largestCode,
        Math.min(largestCode, Math.round((matrix[row * inputs + i] as number) / scale)),
      );
  }
  return { values, scales };
}

/** Half of the codes of an activation, which is a byte around 128. */
const activationCodes = 127;
/** Keeps a row of zeros from being divided by 0. */
const leastPeak = 1e-30;

/** x [..., inputs] → [..., outputs]. */
export function int8Product(graph: GraphBuilder, x: Value, values: Value, scales: Value): Value {
  const scalar = (value: number): Value => graph.float(value, "float32", (each) => bytesOf(Float32Array.of(each)));
  const middle = graph.initializer("constants/uint8/128", "uint8", [], () => Uint8Array.of(128), { shared: true });
  const peaks = graph.op("ReduceMax", [graph.op("Abs", [x]), graph.ints([-1])], { attributes: { keepdims: 1 } });
  const peak = graph.op("Max", [peaks, scalar(leastPeak)]);
  const codes = graph.op("QuantizeLinear", [graph.op("Div", [x, peak]), scalar(1 / activationCodes), middle]);
  const sums = graph.cast(graph.op("MatMulInteger", [codes, values, middle]), "float32");
  return graph.op("Mul", [graph.op("Mul", [sums, peak]), scales]);
}

/** What `int8Product` multiplies with: the scales of the weights and of the codes of an activation in one. */
export function int8Weights(
  graph: GraphBuilder,
  {
    name,
    inputs,
    outputs,
    load,
  }: { readonly name: string; readonly inputs: number; readonly outputs: number; readonly load: LoadFloats },
): [Value, Value] {
  const matrix = once(async () => quantizeRows(await load(), outputs, inputs));
  const values = graph.initializer(`${name}.weight.int8`, "int8", [inputs, outputs], async () =>
    bytesOf((await matrix.get()).values),
  );
  const scales = graph.initializer(`${name}.weight.column_scales`, "float32", [outputs], async () =>
    bytesOf((await matrix.take()).scales.map((scale) => scale / activationCodes)),
  );
  return [values, scales];
}
