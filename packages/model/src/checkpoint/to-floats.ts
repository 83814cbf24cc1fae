/** Weights as checkpoints store them → float32. */
import { fromFloat16, viewOf, type DType } from "@dynamo/core";

export const weightDTypes = ["float32", "float16", "bfloat16"] as const satisfies readonly DType[];
export type WeightDType = (typeof weightDTypes)[number];

export const isWeightDType = (dtype: DType): dtype is WeightDType => weightDTypes.includes(dtype as WeightDType);

/** Little-endian bytes of whole elements → floats; float32 is seen in place where it is aligned. */
export function toFloats(bytes: Uint8Array, dtype: WeightDType): Float32Array {
  const elementBytes = dtype === "float32" ? 4 : 2;
  const { buffer, byteOffset } = bytes.byteOffset % elementBytes === 0 ? bytes : bytes.slice();
  const length = bytes.length / elementBytes;
  if (dtype === "float32") return viewOf("float32", buffer, byteOffset, length);
  const halves = viewOf("uint16", buffer, byteOffset, length);
  return dtype === "float16" ? fromFloat16s(halves) : fromBfloat16s(halves);
}

/** A bfloat16 is the upper half of its float32. */
function fromBfloat16s(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = (halves[i] as number) << 16;
  return new Float32Array(bits.buffer);
}

let float16Table: Float32Array | undefined;

/** By a table of all 65,536 values. */
function fromFloat16s(halves: Uint16Array): Float32Array {
  const table = (float16Table ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => fromFloat16(bits)));
  const floats = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) floats[i] = table[halves[i] as number] as number;
  return floats;
}
