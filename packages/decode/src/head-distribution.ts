/** One head's candidates as probabilities (step 1 of the decoding step). */
import type { Candidates } from "@dynamo/core";
import { exp } from "./exponential.js";

/** Tokens by rank, likeliest first, with probabilities that sum to 1. */
export interface HeadDistribution {
  readonly ids: Int32Array;
  readonly probabilities: Float64Array;
}

/**
 * softmax(logits / temperature) over the candidates. Temperature 0, greedy decoding, has temperature 1's probabilities.
 * `into` is written when it is long enough, so that a step allocates nothing.
 */
export function headDistribution(
  { ids, logits }: Candidates,
  temperature: number,
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
  for (let rank = 0; rank < k; rank++) probabilities[rank] = (probabilities[rank] as number) / total;
  return { ids, probabilities };
}
