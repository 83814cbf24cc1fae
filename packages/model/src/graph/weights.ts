/** Weights on their way from a checkpoint into a graph: fused, with layer norms folded in, in the dtype asked for. */
import { microsoft, type GraphBuilder, type Value } from "@dynamo/onnx";
import { bytesOf, encodeFloats, type LoadFloats } from "./floats.js";
import { int8Product, int8Weights } from "./int8-product.js";
import { once, type Once } from "./once.js";
import { activationType, isPacked, type Precision } from "./precision.js";
import { blockSize, quantize, type QuantizedMatrix } from "./quantize.js";

export { activationType } from "./precision.js";
export type { ModelDType, Precision } from "./precision.js";
export { bytesOf, encodeFloats, type LoadFloats } from "./floats.js";

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
  /** Whether rows of the same weights are looked up too (tied embeddings): they are stored once, as both can read them. */
  readonly isTable?: boolean;
}

/** x [..., inputs] → [..., outputs]. */
export function linear(graph: GraphBuilder, x: Value, weights: LinearWeights, precision: Precision): Value {
  const { name, outputs, loadBias } = weights;
  const y = productOf(precision)(graph, x, weights, precision);
  if (loadBias === undefined) return y;
  return graph.op("Add", [y, floatsInitializer(graph, `${name}.bias`, [outputs], precision, loadBias)]);
}

type MakeProduct = (graph: GraphBuilder, x: Value, weights: LinearWeights, precision: Precision) => Value;

function productOf({ dtype }: Precision): MakeProduct {
  if (dtype === "int8") return (graph, x, weights) => int8Product(graph, x, ...int8Weights(graph, weights));
  return isPacked(dtype) ? quantizedProduct : floatProduct;
}

function floatProduct(graph: GraphBuilder, x: Value, weights: LinearWeights, precision: Precision): Value {
  const { name, inputs, outputs, load, isTable = false } = weights;
  if (isTable) return tableProduct(graph, x, weights, floatTable(graph, weights, precision));
  const matrix = floatsInitializer(graph, `${name}.weight`, [inputs, outputs], precision, async () =>
    transpose(await load(), outputs, inputs),
  );
  return graph.op("MatMul", [x, matrix]);
}

/** x·Wᵀ for a table W [outputs, inputs]: Gemm reads it as it lies. x [B, P, n, inputs]. */
function tableProduct(graph: GraphBuilder, x: Value, { inputs, outputs }: LinearWeights, table: Value): Value {
  const rows = graph.op("Reshape", [x, graph.ints([-1, inputs])]);
  const product = graph.op("Gemm", [rows, table], { attributes: { transB: 1 } });
  const places = graph.op("Shape", [x], { attributes: { start: 0, end: -1 } });
  const shape = graph.op("Concat", [places, graph.ints([outputs])], { attributes: { axis: 0 } });
  return graph.op("Reshape", [product, shape]);
}

/** A table in floats, [rows, columns]. */
const floatTable = (graph: GraphBuilder, weights: LinearWeights, precision: Precision): Value => {
  const { name, inputs, outputs, load } = weights;
  const type = activationType(precision);
  const bytes = async (): Promise<Uint8Array> => encodeFloats(await load(), type);
  return graph.initializer(`${name}.weight`, type, [outputs, inputs], bytes, { shared: true });
};

const bitsOf = ({ dtype }: Precision): 4 | 8 => (dtype === "q4" ? 4 : 8);

/** Packed weights [outputs, blocks, bytes] and scales [outputs, blocks] as MatMulNBits reads them. */
function packed(graph: GraphBuilder, { name, inputs, outputs, load }: LinearWeights, bits: 4 | 8): [Value, Value] {
  const blocks = Math.ceil(inputs / blockSize);
  const quantized = once(async () => quantize(await load(), outputs, inputs, bits));
  const dims = [outputs, blocks, (blockSize * bits) / 8];
  return quantizedInitializers(graph, name, dims, [outputs, blocks], quantized);
}

function quantizedProduct(graph: GraphBuilder, x: Value, weights: LinearWeights, precision: Precision): Value {
  const { inputs, outputs } = weights;
  const bits = bitsOf(precision);
  const [values, scales] = packed(graph, weights, bits);
  if (precision.activations === "fp32") return graph.op("MatMul", [x, unpack(graph, values, scales, bits, inputs)]);
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

/**
 * Rows of a [rows, columns] table. Quantised models hold it in 8 bits: it is read a row at a time, so it costs no time; a table
 * that is also a product's weights has the product's bits.
 */
export function embedding(graph: GraphBuilder, ids: Value, table: LinearWeights, precision: Precision): Value {
  const { name, inputs: columns, outputs: rows, load, isTable = false } = table;
  if (precision.dtype === "fp32" || precision.dtype === "fp16")
    return graph.op("Gather", [floatTable(graph, table, precision), ids]);
  // int8 products lie the other way round: a table that is also one of them is stored twice.
  if (isTable && isPacked(precision.dtype)) return packedRows(graph, ids, table, bitsOf(precision));
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

/** Rows of packed weights, [B, S] → [B, S, columns]. */
function packedRows(graph: GraphBuilder, ids: Value, table: LinearWeights, bits: 4 | 8): Value {
  const [values, scales] = packed(graph, table, bits);
  const perBlock = graph.op("Unsqueeze", [scales, graph.ints([-1])]);
  const blocks = graph.op("GatherBlockQuantized", [values, ids, perBlock], {
    domain: microsoft,
    attributes: { bits, block_size: blockSize, gather_axis: 0, quantize_axis: 2 },
  });
  const rows = graph.op("Reshape", [blocks, graph.ints([0, 0, -1])]);
  if (table.inputs % blockSize === 0) return rows;
  return graph.op("Slice", [rows, graph.ints([0]), graph.ints([table.inputs]), graph.ints([2])]);
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
  const shared = { shared: true };
  const load = async (): Promise<Uint8Array> => (await quantized.get()).values;
  const values = graph.initializer(`${name}.weight.values`, "uint8", valueDims, load, shared);
  const loadScales = async (): Promise<Uint8Array> => bytesOf((await quantized.take()).scales);
  const scales = graph.initializer(`${name}.weight.scales`, "float32", scaleDims, loadScales, shared);
  return [values, scales];
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
