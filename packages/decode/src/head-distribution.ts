/** One head's candidates as probabilities (step 1 of the decoding step). */
import type { Candidates } from "@dynamo/core";
import { exp } from "./exponential.js";

/** Tokens by rank, likeliest first, with probabilities that sum to 1. */
export interface HeadDistribution {
  readonly ids: Int32Array;
  readonly probabilities: Float64Array;
}

export interface DistributionOptions {
  /** 0, greedy decoding, has temperature 1's probabilities. */
  readonly temperature: number;
  /** Nucleus: only the likeliest tokens that together reach this probability; at least one. Default 1: all. */
  readonly topP?: number | undefined;
}

/**
 * softmax(logits / temperature) over the candidates, or over their nucleus. `into` is written when it is long enough, so
 * that a step allocates nothing.
 */
export function headDistribution(
  { ids, logits }: Candidates,
  { temperature, topP = 1 }: DistributionOptions,
  into?: Float64Array,
): HeadDistribution {
  const k = ids.length;
  const probabilities = into !== undefined && into.length >= k ? into.subarray(0, k) : new Float64Array(k);
  const divisor = temperature === 0 ? 1 : temperature;
  const largest = logits[0] as number;
  let total = 0;
  for (let rank = 0; rank < k; rank++) {
    const p = exp(((logits[rank] as number) - largest) / divisor);
    probabilities[rank] = p;
    total += p;
  }
  if (topP < 1) return nucleus({ ids, probabilities }, total, topP);
  for (let rank = 0; rank < k; rank++) probabilities[rank] = (probabilities[rank] as number) / total;
  return { ids, probabilities };
}

/** Holtzman et al. 2020, "The curious case of neural text degeneration", section 3.1. */
function nucleus({ ids, probabilities }: HeadDistribution, total: number, topP: number): HeadDistribution {
  let kept = 0;
  let mass = 0;
  while (kept < ids.length && (kept === 0 || mass < topP * total)) mass += probabilities[kept++] as number;
  for (let rank = 0; rank < kept; rank++) probabilities[rank] = (probabilities[rank] as number) / mass;
  return { ids: ids.subarray(0, kept), probabilities: probabilities.subarray(0, kept) };
}
