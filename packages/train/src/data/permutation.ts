/**
 * A seeded pseudo-random order of n things that needs no list of them: a Feistel network over the next power of four, and
 * numbers that fall outside n are sent through it again until one falls inside (cycle walking; fewer than four turns on
 * average).
 */
import { DynamoError } from "@dynamo/core";

/** Halves of up to 26 bits: products with them stay exact. */
const maxLength = 2 ** 52;
const rounds = 8;

/** Where `index` goes, a number below `length`; for each `keys` it is a one-to-one map. */
export type Permutation = (index: number) => number;

/** `keys` (such as a seed and an epoch) are whole numbers; other keys give another order. */
export function createPermutation(length: number, keys: readonly number[]): Permutation {
  if (!Number.isInteger(length) || length < 1 || length > maxLength)
    throw new DynamoError("invalid-argument", `expected 1 to ${maxLength} things to permute, received ${length}`);
  let half = 2;
  while (half * half < length) half *= 2;
  const roundKeys = Array.from({ length: rounds }, (_, round) => mixKeys([...keys, round]));
  const encrypt = (value: number): number => {
    let left = Math.floor(value / half);
    let right = value % half;
    for (const key of roundKeys) [left, right] = [right, (left ^ (mix(right ^ key) & (half - 1))) >>> 0];
    return left * half + right;
  };
  return (index) => {
    let value = encrypt(index);
    while (value >= length) value = encrypt(value);
    return value;
  };
}

/** Both halves of numbers beyond 32 bits count. */
function mixKeys(keys: readonly number[]): number {
  let state = 0;
  for (const key of keys) {
    state = mix((state + 0x9e3779b9) ^ (key >>> 0));
    state = mix((state + 0x9e3779b9) ^ (Math.floor(key / 2 ** 32) | 0));
  }
  return state;
}

/** Murmur3's finaliser. */
function mix(value: number): number {
  let z = value | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return z ^ (z >>> 16);
}
