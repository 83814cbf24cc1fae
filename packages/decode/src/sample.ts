/** Drawing from unnormalised weights. */
import { checkValue, whole } from "@dynamo/core/options";
import type { Random } from "./random.js";
import { checkRandom, weightsCheck } from "./step-checks.js";

/** An index with a probability in proportion to its weight; `length` weights, at least one above 0. */
export function sampleIndex(weights: Float64Array, length: number, random: Random): number {
  let total = 0;
  for (let i = 0; i < length; i++) total += weights[i] as number;
  let left = random() * total;
  let last = 0;
  for (let i = 0; i < length; i++) {
    const weight = weights[i] as number;
    if (weight <= 0) continue;
    if (left < weight) return i;
    left -= weight;
    last = i;
  }
  // Rounding may leave a little: it belongs to the last weight.
  return last;
}

/** The first index of the largest weight. */
export function likeliestIndex(weights: Float64Array, length: number): number {
  let best = 0;
  for (let i = 1; i < length; i++) if ((weights[i] as number) > (weights[best] as number)) best = i;
  return best;
}

/** Samples, or with temperature 0 takes the likeliest. */
export function choose(weights: Float64Array, length: number, temperature: number, random: Random): number {
  checkValue("weights", weights, weightsCheck);
  checkValue("length", length, whole(1, weights.length));
  checkRandom(random);
  return temperature === 0 ? likeliestIndex(weights, length) : sampleIndex(weights, length, random);
}
