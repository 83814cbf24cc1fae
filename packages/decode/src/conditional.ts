/**
 * Heads that know the tokens between. A head with a conditional part says itself what these make of its logits, and counts add nothing
 * to that (measured: docs/decisions/0021-conditional-parts.md); of another head the counts say it: q_n(x | x_1..x_{n-1}) ∝ p_n(x) · [P(x | x_1..x_{n-1}) / P(x)]^α, with P from the model's smoothed counts. Normalised token by
 * token, so that the product of the q_n is a joint distribution, as the product of the p_n is not.
 */
import type { Candidates, Cooccurrence } from "@dynamo/core";
import { push, type SparseGrid } from "./grid.js";
import { headDistribution, type DistributionOptions, type HeadDistribution } from "./head-distribution.js";

/**
 * α: what counts know of a token and what its head knows overlap. Measured on held-out text of the embedded models: perplexity is
 * flat from 0.6 to 0.8 for heads that know nothing of the tokens between.
 */
export const countStrength = 0.7;

/** What a head's distribution behind the tokens between is made of. */
export interface Conditions {
  readonly counts: Pick<Cooccurrence, "lifts"> | undefined;
  readonly options: DistributionOptions;
}

/** A head from the second on, as an axis of a joint. */
export interface ConditionalHead {
  /** By rank: of a head with a conditional part more than its candidates, since some of them rise. */
  readonly ids: Int32Array;
  /** q of each rank; sums to 1. Only as many as the head has candidates are above 0, and only what the options leave. */
  readonly behind: (before: ArrayLike<number>) => Float64Array;
}

/** Heads 2..N as they know the tokens between; undefined where something is missing that tells one of them. */
export function conditionalHeads(
  [, ...others]: readonly Candidates[],
  conditions: Conditions,
): ConditionalHead[] | undefined {
  const isConditioned = ({ conditional }: Candidates): boolean => (conditions.counts ?? conditional) !== undefined;
  return others.every(isConditioned) ? others.map((head) => conditionalHead(head, conditions)) : undefined;
}

/** A head's distribution behind any tokens. */
export function conditionalHead(
  candidates: Candidates,
  {
    counts,
    options,
    most = Infinity,
  }: Conditions & { /** Of the part's list, the first so many. */ readonly most?: number },
): ConditionalHead {
  const { conditional: part } = candidates;
  const { ids: all, logits: given } = part ?? candidates;
  const [ids, logits] = [all.subarray(0, most), given.subarray(0, most)];
  const kept = candidates.ids.length;
  const scores = new Float64Array(ids.length);
  const lifts = new Float64Array(ids.length);
  return {
    ids,
    behind(before) {
      scores.set(logits);
      if (part !== undefined) part.addBehind(before, ids, scores);
      else if (counts !== undefined) {
        counts.lifts(before, ids, lifts);
        for (let rank = 0; rank < scores.length; rank++)
          scores[rank] = (scores[rank] as number) + countStrength * Math.log(lifts[rank] as number);
      }
      return byRank(scores, kept, options);
    },
  };
}

/** The distribution of the likeliest `kept` of the scores, at the scores' places. */
function byRank(scores: Float64Array, kept: number, options: DistributionOptions): Float64Array {
  const likeliest = largest(scores, kept);
  const logits = new Float64Array(likeliest.length);
  for (let i = 0; i < logits.length; i++) logits[i] = scores[likeliest[i] as number] as number;
  const { ids, probabilities } = headDistribution({ ids: likeliest, logits, logSumExp: 0 }, options);
  const q = new Float64Array(scores.length);
  for (let i = 0; i < ids.length; i++) q[ids[i] as number] = probabilities[i] as number;
  return q;
}

/** The ranks of the `count` largest scores, in descending order, ties by rank: they come nearly sorted, so that few are moved. */
function largest(scores: Float64Array, count: number): Int32Array {
  const ranks = new Int32Array(Math.min(count, scores.length));
  let held = 0;
  for (let rank = 0; rank < scores.length; rank++) {
    const score = scores[rank] as number;
    if (held === ranks.length && score <= (scores[ranks[held - 1] as number] as number)) continue;
    let at = held === ranks.length ? held - 1 : held++;
    for (; at > 0 && (scores[ranks[at - 1] as number] as number) < score; at--) ranks[at] = ranks[at - 1] as number;
    ranks[at] = rank;
  }
  return ranks;
}

/** J = p_1(x_1) · q_2(x_2 | x_1) · … · q_n(x_n | x_1..x_{n-1}), of which only the cells of at least `threshold` are listed. */
export function chainJoint(
  first: HeadDistribution,
  others: readonly ConditionalHead[],
  threshold: number,
  joint: SparseGrid,
): void {
  joint.shape = [first.ids.length, ...others.map(({ ids }) => ids.length)];
  joint.length = 0;
  const before: number[] = [];
  const descend = (axis: number, cell: number, value: number): void => {
    const head = axis === 0 ? first : (others[axis - 1] as ConditionalHead);
    const q = axis === 0 ? first.probabilities : (head as ConditionalHead).behind(before);
    for (let rank = 0; rank < q.length; rank++) {
      const product = value * (q[rank] as number);
      // What follows is at most as likely.
      if (product < threshold || product === 0) continue;
      const next = cell * q.length + rank;
      if (axis === others.length) {
        push(joint, next, product);
        continue;
      }
      before.push(head.ids[rank] as number);
      descend(axis + 1, next, product);
      before.pop();
    }
  };
  descend(0, 0, 1);
}
