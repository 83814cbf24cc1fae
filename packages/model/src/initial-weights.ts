/** Deterministic initial weights: each tensor from the seed and its own name, whatever the order they are made in. */
import { elementCount } from "@dynamo/core";

/** GPT-NeoX's `initializer_range`, for every matrix. */
const deviation = 0.02;

/** Normal with deviation 0.02 for matrices, one for norms' gains, zero for biases. */
export function initialTensor(name: string, shape: readonly number[], seed: number): Float32Array {
  const values = new Float32Array(elementCount(shape));
  if (name.endsWith(".bias")) return values;
  if (name.includes("layernorm") || name.includes("layer_norm")) return values.fill(1);
  const random = generator(seed, name);
  for (let i = 0; i < values.length; i += 2) {
    // Box and Muller: two uniform numbers make two normal ones.
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    values[i] = radius * Math.cos(angle);
    if (i + 1 < values.length) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}

/** mulberry32, seeded by FNV-1a over the name. */
function generator(seed: number, name: string): () => number {
  let state = 0x811c9dc5 ^ seed;
  for (let i = 0; i < name.length; i++) state = Math.imul(state ^ name.charCodeAt(i), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), 1 | state);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}
