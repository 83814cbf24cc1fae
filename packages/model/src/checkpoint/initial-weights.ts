/** Deterministic initial weights: each tensor from the seed and its own name, whatever the order they are made in. */
import { checkValue, finite, text } from "@dynamo/core/options";
import { checkShape, seedCheck } from "../arguments.js";
import { elementCount } from "@dynamo/core";
import { isConditionalTensor } from "../architectures/conditional.js";

/**
 * Hugging Face's GPT-NeoX draws every matrix with its `initializer_range`, output projections included. (The GPT-NeoX
 * library, which trained Pythia, scales those by depth; heads are added to a finished model, so we follow the former.)
 */
const deviation = 0.02;

/** Normal with deviation 0.02 for matrices, one for norms' gains, zero for biases. */
export function initialTensor(name: string, shape: readonly number[], seed: number): Float32Array {
  checkTensor(name, shape, seed);
  const values = new Float32Array(elementCount(shape));
  if (name.endsWith(".bias")) return values;
  // A vector that is no bias is a norm's gain, by whatever name its family knows it.
  if (shape.length === 1) return values.fill(1);
  // A conditional part begins as nothing: its head says what it said without.
  if (isConditionalTensor(name)) return name.endsWith(".output.weight") ? values : conditionalTensor(name, shape, seed);
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

/** Uniform within 1/√inputs for products, as PyTorch begins them, and normal-sized for a table. */
const conditionalTensor = (name: string, shape: readonly number[], seed: number): Float32Array =>
  uniformTensor(name, shape, seed, name.endsWith(".embedding.weight") ? 1 : 1 / Math.sqrt(shape.at(-1) as number));

/** Uniform from -bound to bound. */
export function uniformTensor(name: string, shape: readonly number[], seed: number, bound: number): Float32Array {
  checkTensor(name, shape, seed);
  checkValue("bound", bound, finite);
  const random = generator(seed, name);
  return Float32Array.from({ length: elementCount(shape) }, () => bound * (2 * random() - 1));
}

function checkTensor(name: string, shape: readonly number[], seed: number): void {
  checkValue("name", name, text);
  checkShape(shape);
  checkValue("seed", seed, seedCheck);
}

/** sfc32, whose 128 bits of state keep the tensors' streams apart, seeded by the seed and two FNV-1a hashes of the name. */
function generator(seed: number, name: string): () => number {
  let a = hash(name, 0x811c9dc5);
  let b = hash(name, Math.floor(seed / 2 ** 32) | 0);
  let c = seed | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  // Seeds differ in few bits: let them spread first.
  for (let i = 0; i < 15; i++) next();
  return next;
}

function hash(text: string, basis: number): number {
  let state = basis;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return state;
}
