/** One head's candidates as probabilities (step 1 of the decoding step). */
import type { Candidates } from "@dynamo/core";
import { checkValue } from "@dynamo/core/options";
import { exp } from "./exponential.js";
import { candidatesCheck, distributionCheck, weightsCheck } from "./step-checks.js";

/** Tokens, likeliest first, with probabilities that sum to 1. */
export interface HeadDistribution {
  readonly ids: Int32Array;
  readonly probabilities: Float64Array;
}

/**
 * Which of a head's tokens may be drawn. They come in transformers' order: temperature, topP, minP, typicalP, each over what
 * the one before has left. Temperature 0, greedy decoding, has temperature 1's probabilities and leaves nothing out.
 */
export interface DistributionOptions {
  readonly temperature: number;
  /** Nucleus: only the likeliest tokens that together reach this probability; at least one. Default 1: all. */
  readonly topP?: number | undefined;
  /** Only tokens at least this share as likely as the likeliest. Default 0: all. */
  readonly minP?: number | undefined;
  /** Only the tokens nearest to the expected information that together reach this probability; at least one. Default 1: all. */
  readonly typicalP?: number | undefined;
}

/** Candidates as a model gives them, or with logits that something was added to. */
type Scores = Omit<Candidates, "logits"> & { readonly logits: Float32Array | Float64Array };

/**
 * softmax(logits / temperature) over the candidates that the options leave, likeliest first. `into` is written when it is
 * long enough, so that a step allocates nothing.
 */
export function headDistribution(
  candidates: Scores,
  options: DistributionOptions,
  into?: Float64Array,
): HeadDistribution {
  checkValue("candidates", candidates, candidatesCheck);
  checkValue("options", options, distributionCheck);
  if (into !== undefined) checkValue("into", into, weightsCheck);
  const { ids, logits } = candidates;
  const { temperature, topP = 1, minP = 0, typicalP = 1 } = options;
  const k = ids.length;
  const weights = into !== undefined && into.length >= k ? into.subarray(0, k) : new Float64Array(k);
  const divisor = temperature === 0 ? 1 : temperature;
  const largest = logits[0] as number;
  for (let rank = 0; rank < k; rank++) weights[rank] = exp(((logits[rank] as number) - largest) / divisor);
  if (temperature === 0) return normalised({ ids, probabilities: weights });
  let kept: HeadDistribution = { ids, probabilities: weights };
  if (topP < 1) kept = first(kept, nucleus(weights, topP));
  if (minP > 0) kept = first(kept, likelyEnough(kept.probabilities, minP));
  if (typicalP < 1) kept = typical(kept, logits, divisor, typicalP);
  return normalised(kept);
}

const first = ({ ids, probabilities }: HeadDistribution, length: number): HeadDistribution => ({
  ids: ids.subarray(0, length),
  probabilities: probabilities.subarray(0, length),
});

function sumOf(weights: Float64Array): number {
  let total = 0;
  for (let rank = 0; rank < weights.length; rank++) total += weights[rank] as number;
  return total;
}

/** In place. */
function normalised(head: HeadDistribution): HeadDistribution {
  const { probabilities } = head;
  const total = sumOf(probabilities);
  for (let rank = 0; rank < probabilities.length; rank++) probabilities[rank] = (probabilities[rank] as number) / total;
  return head;
}

/** Holtzman et al. 2020, "The curious case of neural text degeneration", section 3.1: how many of the likeliest. */
function nucleus(weights: Float64Array, topP: number): number {
  const enough = topP * sumOf(weights);
  let kept = 0;
  let mass = 0;
  while (kept < weights.length && (kept === 0 || mass < enough)) mass += weights[kept++] as number;
  return kept;
}

/** Nguyen et al. 2025, "Turning up the heat: min-p sampling", section 3: how many of the likeliest. */
function likelyEnough(weights: Float64Array, minP: number): number {
  const least = minP * (weights[0] as number);
  let kept = 1;
  while (kept < weights.length && (weights[kept] as number) >= least) kept++;
  return kept;
}

/**
 * Meister et al. 2023, "Locally typical sampling", section 4. A token's distance from the expected information is
 * |-log p - H|, and that is the distance of its scaled logit from the scaled logits' mean: no logarithm is needed.
 */
function typical(
  head: HeadDistribution,
  logits: Scores["logits"],
  divisor: number,
  typicalP: number,
): HeadDistribution {
  const { ids, probabilities: weights } = head;
  const total = sumOf(weights);
  const scaled = (rank: number): number => ((logits[rank] as number) - (logits[0] as number)) / divisor;
  let mean = 0;
  // A temperature next to nothing leaves tokens of weight 0 infinitely far away.
  for (let rank = 0; rank < ids.length; rank++)
    if (weights[rank] !== 0) mean += ((weights[rank] as number) / total) * scaled(rank);
  const distances = Float64Array.from(ids, (_, rank) => Math.abs(scaled(rank) - mean));
  const nearest = [...distances.keys()].sort((a, b) => (distances[a] as number) - (distances[b] as number) || a - b);
  let mass = 0;
  let farthest = 0;
  for (const rank of nearest) {
    farthest = distances[rank] as number;
    mass += weights[rank] as number;
    if (mass >= typicalP * total) break;
  }
  // Tokens as far as the last one stay with it.
  const kept = [...distances.keys()].filter((rank) => (distances[rank] as number) <= farthest);
  for (const [place, rank] of kept.entries()) weights[place] = weights[rank] as number;
  return { ids: Int32Array.from(kept, (rank) => ids[rank] as number), probabilities: weights.subarray(0, kept.length) };
}
