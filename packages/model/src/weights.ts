/** Weights on their way from a checkpoint into a graph: fused, with layer norms folded in, in the dtype asked for. */
import { toFloat16 } from "@dynamo/core";
import { microsoft, type GraphBuilder, type Value } from "@dynamo/onnx";
import { blockSize, quantize, type QuantizedMatrix } from "./quantize.js";

/** How a graph's weights are stored. */
export type ModelDType = "fp32" | "fp16" | "q8" | "q4";
export type LoadFloats = () => Promise<Float32Array>;

/** How the graph computes with its weights. */
export interface Precision {
  readonly dtype: ModelDType;
  /**
   * Of activations in quantised products. `int8` multiplies the packed weights as they are: quickest, and least memory.
   * `fp32` unpacks them once, when the model loads: as quick and as large in memory as fp32, a quarter or an eighth on
   * disk, and the same on every device to about 1e-6.
   */
  readonly activations: "int8" | "fp32";
}

export const activationType = ({ dtype }: Precision): "float16" | "float32" =>
  dtype === "fp16" ? "float16" : "float32";

export const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);

/** Floats as the bytes of a tensor of type float32 or float16. */
export function encodeFloats(values: Float32Array, type: "float32" | "float16"): Uint8Array {
  if (type === "float32") return bytesOf(values);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = toFloat16(values[i] as number);
  return bytesOf(halves);
}

/** A vector or table in the activations' type. */
export function floatsInitializer(
  graph: GraphBuilder,
  name: string,
  dims: readonly number[],
  precision: Precision,
  load: LoadFloats,
): Value {
  const type = activationType(precision);
  return graph.initializer(name, type, dims, async () => encodeFloats(await load(), type));
}

/** A matrix product's weights: `load` gives [outputs, inputs], row-major, as checkpoints hold them. */
export interface LinearWeights {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly load: LoadFloats;
  readonly loadBias?: LoadFloats;
}

/** x [..., inputs] → [..., outputs]. */
export function linear(graph: GraphBuilder, x: Value, weights: LinearWeights, precision: Precision): Value {
  const { name, outputs, loadBias } = weights;
  const product = precision.dtype === "q4" || precision.dtype === "q8" ? quantizedProduct : floatProduct;
  const y = product(graph, x, weights, precision);
  if (loadBias === undefined) return y;
  return graph.op("Add", [y, floatsInitializer(graph, `${name}.bias`, [outputs], precision, loadBias)]);
}

function floatProduct(
  graph: GraphBuilder,
  x: Value,
  { name, inputs, outputs, load }: LinearWeights,
  precision: Precision,
): Value {
  const matrix = floatsInitializer(graph, `${name}.weight`, [inputs, outputs], precision, async () =>
    transpose(await load(), outputs, inputs),
  );
  return graph.op("MatMul", [x, matrix]);
}

function quantizedProduct(
  graph: GraphBuilder,
  x: Value,
  { name, inputs, outputs, load }: LinearWeights,
  { dtype, activations }: Precision,
): Value {
  const bits = dtype === "q4" ? 4 : 8;
  const blocks = Math.ceil(inputs / blockSize);
  const quantized = once(async () => quantize(await load(), outputs, inputs, bits));
  const [values, scales] = quantizedInitializers(
    graph,
    name,
    [outputs, blocks, (blockSize * bits) / 8],
    [outputs, blocks],
    quantized,
  );
  if (activations === "fp32") return graph.op("MatMul", [x, unpack(graph, values, scales, bits, inputs)]);
  return graph.op("MatMulNBits", [x, values, scales], {
    domain: microsoft,
    // accuracy_level 4: products in int8.
    attributes: { K: inputs, N: outputs, bits, block_size: blockSize, accuracy_level: 4 },
  });
}

/** [inputs, outputs] floats out of packed values and scales; all of them constant, so it is computed at loading. */
function unpack(graph: GraphBuilder, values: Value, scales: Value, bits: 4 | 8, inputs: number): Value {
  const scope = graph.scope("unpack");
  const byte = (value: number): Value =>
    scope.initializer(`constants/uint8/${value}`, "uint8", [], () => Uint8Array.of(value), { shared: true });
  const codes = (): Value => {
    if (bits === 8) return values;
    const halves = [
      scope.op("BitwiseAnd", [values, byte(15)]),
      scope.op("BitShift", [values, byte(4)], { attributes: { direction: "RIGHT" } }),
    ].map((half) => scope.op("Unsqueeze", [half, scope.ints([-1])]));
    const pairs = scope.op("Concat", halves, { attributes: { axis: -1 } });
    return scope.op("Reshape", [pairs, scope.ints([0, 0, blockSize])]);
  };
  const middle = scope.float(bits === 8 ? 128 : 8, "float32", (value) => bytesOf(Float32Array.of(value)));
  const centred = scope.op("Sub", [scope.cast(codes(), "float32"), middle]);
  const floats = scope.op("Mul", [centred, scope.op("Unsqueeze", [scales, scope.ints([-1])])]);
  const rows = scope.op("Reshape", [floats, scope.ints([0, -1])]);
  const whole = scope.op("Slice", [rows, scope.ints([0]), scope.ints([inputs]), scope.ints([1])]);
  return scope.op("Transpose", [whole], { attributes: { perm: [1, 0] } });
}

/** Rows of a [rows, columns] table. Quantised models hold it in 8 bits: it is read a row at a time, so it costs no time. */
export function embedding(
  graph: GraphBuilder,
  ids: Value,
  { name, inputs: columns, outputs: rows, load }: LinearWeights,
  precision: Precision,
): Value {
  if (precision.dtype === "fp32" || precision.dtype === "fp16") {
    return graph.op("Gather", [floatsInitializer(graph, `${name}.weight`, [rows, columns], precision, load), ids]);
  }
  const blocks = Math.ceil(columns / blockSize);
  const padded = async (): Promise<QuantizedMatrix> => {
    const { values, scales } = quantize(await load(), rows, columns, 8);
    return {
      values: columns % blockSize === 0 ? values : unpadRows(values, rows, columns, blocks * blockSize),
      scales,
    };
  };
  const [values, scales] = quantizedInitializers(graph, name, [rows, columns], [rows, blocks], once(padded));
  return graph.op("GatherBlockQuantized", [values, ids, scales], {
    domain: microsoft,
    attributes: { bits: 8, block_size: blockSize, gather_axis: 0, quantize_axis: 1 },
  });
}

function unpadRows(values: Uint8Array, rows: number, columns: number, padded: number): Uint8Array {
  const packed = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++) packed.set(values.subarray(row * padded, row * padded + columns), row * columns);
  return packed;
}

function quantizedInitializers(
  graph: GraphBuilder,
  name: string,
  valueDims: readonly number[],
  scaleDims: readonly number[],
  quantized: Once<QuantizedMatrix>,
): [Value, Value] {
  const values = graph.initializer(
    `${name}.weight.values`,
    "uint8",
    valueDims,
    async () => (await quantized.get()).values,
  );
  const scales = graph.initializer(`${name}.weight.scales`, "float32", scaleDims, async () =>
    bytesOf((await quantized.take()).scales),
  );
  return [values, scales];
}

interface Once<T> {
  get(): Promise<T>;
  /** The last use: lets the memory go. */
  take(): Promise<T>;
}

/** Values and scales of a matrix are written one after the other: quantise once, and keep nothing afterwards. */
function once<T>(make: () => Promise<T>): Once<T> {
  let made: Promise<T> | undefined;
  const get = (): Promise<T> => (made ??= make());
  return {
    get,
    take() {
      const value = get();
      made = undefined;
      return value;
    },
  };
}

/** [rows, columns] → [columns, rows], in tiles that fit the cache. */
export function transpose(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const tile = 32;
  const result = new Float32Array(matrix.length);
  for (let rowStart = 0; rowStart < rows; rowStart += tile) {
    const rowEnd = Math.min(rows, rowStart + tile);
    for (let columnStart = 0; columnStart < columns; columnStart += tile) {
      const columnEnd = Math.min(columns, columnStart + tile);
      for (let row = rowStart; row < rowEnd; row++) {
        for (let column = columnStart; column < columnEnd; column++) {
          result[column * rows + row] = matrix[row * columns + column] as number;
        }
      }
    }
  }
  return result;
}
