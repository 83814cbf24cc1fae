/**
 * Block-wise weight quantisation in the layout of com.microsoft MatMulNBits and GatherBlockQuantized: blocks of 32
 * inputs, one float scale each, unsigned values around the middle (8 or 128), no zero points.
 */

import { checkValue, isPlainObject, valueCheck, whole, type ValueCheck } from "@dynamo/core/options";
import { checkMatrix } from "../arguments.js";

/** Elements of a row that share one scale. */
export const blockSize = 32;

/** A matrix in blocks of few bits, as ONNX Runtime reads it. */
export interface QuantizedMatrix {
  /** [rows, blocks, blockSize * bits / 8]; of 4 bits the even element is the low half of its byte. */
  readonly values: Uint8Array;
  /** [rows, blocks] */
  readonly scales: Float32Array;
}

/**
 * Quantises a row-major [rows, columns] matrix; the last block of a row is padded with zeros.
 * The element of the largest magnitude gets the outermost code on its own side, so that all 16 (256) codes are used.
 */
export function quantize(matrix: Float32Array, rows: number, columns: number, bits: 4 | 8): QuantizedMatrix {
  checkMatrix(matrix, rows, columns);
  checkBits(bits);
  const blocks = Math.ceil(columns / blockSize);
  const middle = bits === 4 ? 8 : 128;
  const blockBytes = (blockSize * bits) / 8;
  const values = new Uint8Array(rows * blocks * blockBytes);
  const scales = new Float32Array(rows * blocks);
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const start = row * columns + block * blockSize;
      const length = Math.min(blockSize, columns - block * blockSize);
      const scale = Math.fround(-outermost(matrix, start, length) / middle);
      scales[row * blocks + block] = scale;
      const inverse = scale === 0 ? 0 : 1 / scale;
      const out = (row * blocks + block) * blockBytes;
      for (let i = 0; i < blockSize; i++) {
        const value = i < length ? (matrix[start + i] as number) : 0;
        const code = Math.min(2 * middle - 1, Math.max(0, Math.round(value * inverse) + middle));
        if (bits === 8) values[out + i] = code;
        else values[out + (i >> 1)] = (values[out + (i >> 1)] as number) | (code << ((i & 1) * 4));
      }
    }
  }
  return { values, scales };
}

const bytesOf = (length: number): ValueCheck =>
  valueCheck(`a Uint8Array of ${length}`, (value) => value instanceof Uint8Array && value.length === length);
const floatsOf = (length: number): ValueCheck =>
  valueCheck(`a Float32Array of ${length}`, (value) => value instanceof Float32Array && value.length === length);

function checkBits(bits: number): void {
  checkValue(
    "bits",
    bits,
    valueCheck<4 | 8>("4 or 8", (value) => value === 4 || value === 8),
  );
}

/** The block's element of the largest magnitude, with its sign. */
function outermost(matrix: Float32Array, start: number, length: number): number {
  let extreme = 0;
  for (let i = start; i < start + length; i++) {
    const value = matrix[i] as number;
    if (Math.abs(value) > Math.abs(extreme)) extreme = value;
  }
  return extreme;
}

/** The matrix that quantised values stand for. */
export function dequantize(quantized: QuantizedMatrix, rows: number, columns: number, bits: 4 | 8): Float32Array {
  checkValue("quantized", quantized, valueCheck("{ values, scales }", isPlainObject));
  const { values, scales } = quantized;
  checkValue("rows", rows, whole(0));
  checkValue("columns", columns, whole(0));
  checkBits(bits);
  const blocks = Math.ceil(columns / blockSize);
  checkValue("values", values, bytesOf(rows * blocks * ((blockSize * bits) / 8)));
  checkValue("scales", scales, floatsOf(rows * blocks));
  const matrix = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const block = row * blocks + Math.floor(column / blockSize);
      const i = column % blockSize;
      const code =
        bits === 8
          ? (values[block * blockSize + i] as number) - 128
          : (((values[(block * blockSize + i) >> 1] as number) >> ((i & 1) * 4)) & 15) - 8;
      matrix[row * columns + column] = code * (scales[block] as number);
    }
  }
  return matrix;
}
