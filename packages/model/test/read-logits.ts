/** A fixture's expected logits. */
import { readFileSync } from "node:fs";
import { viewOf } from "@dynamo/core";
import { parseSafetensorsHeader } from "@dynamo/core/safetensors";

/** Tensors of a safetensors file by name, as far as they are there. */
export function readLogits(file: string, names: readonly string[]): Float32Array[] {
  const bytes = new Uint8Array(readFileSync(file));
  const { tensors } = parseSafetensorsHeader(bytes, bytes.length);
  return names.flatMap((name) => {
    const entry = tensors.get(name);
    if (entry === undefined) return [];
    const data = bytes.slice(entry.byteOffset, entry.byteOffset + entry.byteLength);
    return [viewOf("float32", data.buffer, 0, data.length / 4)];
  });
}

export interface Difference {
  readonly largest: number;
  /** ‖received - expected‖ / ‖expected‖ */
  readonly relative: number;
}

/** Between [position · heads + head] → logits and the expected ones, [rows, places, vocabulary] of each head, of a row. */
export function difference(
  received: readonly Float32Array[],
  expected: readonly Float32Array[],
  row: number,
): Difference {
  const heads = expected.length;
  let [largest, error, size] = [0, 0, 0];
  received.forEach((logits, i) => {
    const [head, place] = [i % heads, Math.floor(i / heads)];
    const from = ((row * received.length) / heads + place) * logits.length;
    logits.forEach((value, token) => {
      const right = expected[head]?.[from + token] ?? NaN;
      const off = Math.abs(value - right);
      // A NaN is no difference that is small enough.
      if (!(off <= largest)) largest = off;
      error += off ** 2;
      size += right ** 2;
    });
  });
  return { largest, relative: Math.sqrt(error / size) };
}
