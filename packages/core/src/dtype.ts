/** Element types of tensors, and the typed array that holds each on the CPU. */

import { DynamoError } from "./errors.js";
import { checkValue, oneOf, valueCheck, whole } from "./value-checks.js";

/** The typed array of each dtype. */
export interface TypedArrays {
  float32: Float32Array;
  float64: Float64Array;
  /** Raw IEEE 754 binary16 bits: Node 20 has no Float16Array. */
  float16: Uint16Array;
  /** Raw bfloat16 bits, the upper half of a float32. */
  bfloat16: Uint16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  uint16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: BigInt64Array;
  /** One byte an element, 0 or 1. */
  bool: Uint8Array;
}

/** What a tensor's elements are. */
export type DType = keyof TypedArrays;
/** Any of them. */
export type TypedArray = TypedArrays[DType];

const constructors = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
} as const;

/** V8 allocates no more. */
const mostElements = 2 ** 32;
const dtypes = oneOf(...(Object.keys(constructors) as DType[]));

/** Bytes of one element. */
export function byteSize(dtype: DType): number {
  checkValue("dtype", dtype, dtypes);
  return constructors[dtype].BYTES_PER_ELEMENT;
}

/** A zeroed array of `length` elements. Throws `out-of-memory` when there is no room for it. */
export function allocate<D extends DType>(dtype: D, length: number): TypedArrays[D] {
  checkValue("dtype", dtype, dtypes);
  checkValue("length", length, whole(0, mostElements));
  try {
    return new constructors[dtype](length) as TypedArrays[D];
  } catch (cause) {
    throw new DynamoError("out-of-memory", `there is no memory for ${length} elements of ${dtype}`, { cause });
  }
}

/** `length` elements seen in place in a buffer; `byteOffset` must be a multiple of the element's size. */
export function viewOf<D extends DType>(
  dtype: D,
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
): TypedArrays[D] {
  checkValue("buffer", buffer, bufferCheck);
  const most = Math.floor(buffer.byteLength / byteSize(dtype));
  checkValue("length", length, whole(0, most));
  checkValue("byteOffset", byteOffset, offsetCheck(byteSize(dtype), buffer.byteLength - length * byteSize(dtype)));
  return new constructors[dtype](buffer as ArrayBuffer, byteOffset, length) as TypedArrays[D];
}

const bufferCheck = valueCheck<ArrayBufferLike>("an ArrayBuffer", (value) =>
  ["[object ArrayBuffer]", "[object SharedArrayBuffer]"].includes(Object.prototype.toString.call(value)),
);

const offsetCheck = (size: number, most: number): ReturnType<typeof valueCheck<number>> =>
  valueCheck(`a multiple of ${size} from 0 to ${most}`, (value) => whole(0, most).accepts(value) && value % size === 0);

function checkNumber(value: number): void {
  // Called for every weight: no more than this.
  if (typeof value !== "number") checkValue("value", value, anyNumber);
}

const anyNumber = valueCheck<number>("a number", (value) => typeof value === "number");

const scratch = new DataView(new ArrayBuffer(4));

/** float32 → binary16 bits, rounded to nearest even; overflow becomes infinity. */
export function toFloat16(value: number): number {
  checkNumber(value);
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const mantissa = bits & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (mantissa === 0 ? 0 : 0x200);
  const unbiased = exponent - 112;
  if (unbiased >= 0x1f) return sign | 0x7c00;
  // Subnormal halves: shift the implicit one in; anything below half the smallest one is zero.
  const shift = unbiased > 0 ? 13 : 14 - unbiased;
  if (shift > 24) return sign;
  const full = unbiased > 0 ? (unbiased << 23) | mantissa : mantissa | 0x800000;
  const kept = full >>> shift;
  const rest = full & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  const rounded = rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept;
  return sign | rounded;
}

/** binary16 bits → float32. */
export function fromFloat16(bits: number): number {
  checkNumber(bits);
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** bfloat16 bits → float32. */
export function fromBfloat16(bits: number): number {
  checkNumber(bits);
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}
