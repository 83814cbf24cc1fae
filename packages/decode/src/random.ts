/** Seeded uniform numbers, bit-identical everywhere: xoshiro128** (Blackman and Vigna) seeded by splitmix32. */

import { checkValue, whole } from "@dynamo/core/options";

/** Uniform in [0, 1). */
export type Random = () => number;

/** Uniform in [0, 1) with 32 random bits. Rows of a batch have streams of their own, whoever else is in the batch. */
export function createRandom(seed: number, row = 0): Random {
  checkValue("seed", seed, whole(0));
  checkValue("row", row, whole(0));
  // The seed's two halves and the row, so that seeds above 2^32 differ too.
  let mix = (seed >>> 0) ^ Math.imul(Math.floor(seed / 2 ** 32) | 0, 0x9e3779b9) ^ Math.imul(row, 0x85ebca6b);
  const next = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return z ^ (z >>> 16);
  };
  let [a, b, c, d] = [next(), next(), next(), next()];
  return () => {
    const scrambled = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9);
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return (scrambled >>> 0) / 2 ** 32;
  };
}

const rotateLeft = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));

/** A whole number below 2^32 to report and reuse. */
export const randomSeed = (): number => Math.floor(Math.random() * 2 ** 32);
