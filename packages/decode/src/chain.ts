/**
 * Tokens drawn one after the other, each from its head's distribution behind those before it: ancestral sampling from the proper joint.
 * Nothing is cut off, so that a text loses no variety; what a token costs in quality is bounded before it is drawn.
 */
import type { Candidates, Cooccurrence } from "@dynamo/core";
import { conditionalHead } from "./conditional.js";
import type { StepOptions } from "./dynamo-step.js";
import { exp } from "./exponential.js";
import type { HeadDistribution } from "./head-distribution.js";
import { penalised, samplingDistribution } from "./judge.js";
import type { Random } from "./random.js";
import { choose } from "./sample.js";

/**
 * How likely head 1 would have drawn the same token falls with the entropy H of what the head says: Σ min(p_1, q_n) is e^(−0.27·H) on
 * average, for heads 2 and 3 of the embedded model alike, from 0.98 below 0.3 nats to 0.6 at 2, and the token then costs
 * 0.33·H nats under the base (docs/decisions/0021-conditional-parts.md).
 */
const agreementDecay = 0.27;

/** The expected Σ min(p_1, q) of a head that says q, which sums to 1. */
export function expectedAgreement(q: Float64Array): number {
  let entropy = 0;
  for (let rank = 0; rank < q.length; rank++) {
    const p = q[rank] as number;
    if (p > 0) entropy -= p * Math.log(p);
  }
  return exp(-agreementDecay * entropy);
}

/** One token, and as many more as the heads are expected to agree with head 1 on by more than `backoff`. */
export function drawChain(
  [first, ...others]: readonly Candidates[],
  context: Int32Array,
  counts: Cooccurrence | undefined,
  options: StepOptions,
  random: Random,
): number[] {
  const draw = ({ ids, probabilities }: HeadDistribution): number =>
    ids[choose(probabilities, ids.length, options.temperature, random)] as number;
  const tuple = [draw(samplingDistribution(first as Candidates, context, [], options))];
  for (const candidates of others) {
    const { ids, behind } = conditionalHead(candidates, { counts, options });
    const q = behind(tuple);
    if (expectedAgreement(q) <= options.backoff) break;
    tuple.push(draw(penalised({ ids, probabilities: q }, context, tuple, options)));
  }
  return tuple;
}
