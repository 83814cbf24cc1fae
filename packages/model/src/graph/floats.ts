/** Floats as a graph's bytes. */
import { toFloat16 } from "@dynamo/core";

export type LoadFloats = () => Promise<Float32Array>;

export const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);

/** Floats as the bytes of a tensor of type float32 or float16. */
export function encodeFloats(values: Float32Array, type: "float32" | "float16"): Uint8Array {
  if (type === "float32") return bytesOf(values);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = toFloat16(values[i] as number);
  return bytesOf(halves);
}
