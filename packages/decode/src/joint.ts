/** The joint distribution of the next n tokens (steps 2 and 4 of the decoding step; paper, Eqs. 2, 3, 6). */
import type { Cooccurrence, NgramMatches } from "@dynamo/core";
import { power } from "./exponential.js";
import { push, reserve, type SparseGrid } from "./grid.js";
import type { HeadDistribution } from "./head-distribution.js";

/** J = p_1 ⊗ … ⊗ p_n · w^strength over the n-grams that the mask has seen; all others are 0. */
export function maskedJoint(
  heads: readonly HeadDistribution[],
  mask: Cooccurrence,
  strength: number,
  matches: NgramMatches,
  joint: SparseGrid,
): void {
  startMatches(heads, mask, matches, joint);
  const { cells, weights } = matches;
  for (let i = 0; i < matches.length; i++) {
    let rest = cells[i] as number;
    let value = power(weights[i] as number, strength);
    for (let axis = heads.length - 1; axis >= 0; axis--) {
      const { probabilities } = heads[axis] as HeadDistribution;
      value *= probabilities[rest % probabilities.length] as number;
      rest = Math.floor(rest / probabilities.length);
    }
    if (value > 0) push(joint, cells[i] as number, value);
  }
}

/** J · w^strength of a joint that is there already; what the mask has not seen becomes 0. */
export function weighJoint(
  heads: readonly HeadDistribution[],
  mask: Cooccurrence,
  strength: number,
  matches: NgramMatches,
  joint: SparseGrid,
): void {
  const { cells, values, length } = joint;
  const given = { cells: cells.slice(0, length), values: values.slice(0, length) };
  startMatches(heads, mask, matches, joint);
  let at = 0;
  for (let i = 0; i < matches.length; i++) {
    const cell = matches.cells[i] as number;
    // Both lists rise.
    while (at < length && (given.cells[at] as number) < cell) at++;
    if (at === length) return;
    const value = (given.values[at] as number) * power(matches.weights[i] as number, strength);
    if (given.cells[at] === cell && value > 0) push(joint, cell, value);
  }
}

/** Empties the joint and finds the n-grams that the mask has seen: none of an order that it does not count. */
function startMatches(
  heads: readonly HeadDistribution[],
  mask: Cooccurrence,
  matches: NgramMatches,
  joint: SparseGrid,
): void {
  joint.shape = heads.map(({ ids }) => ids.length);
  joint.length = 0;
  matches.length = 0;
  if (heads.length > mask.order) return;
  mask.match(
    heads.map(({ ids }) => ids),
    matches,
  );
  reserve(joint, matches.length);
}

/**
 * J = p_1 ⊗ … ⊗ p_n, of which only the cells of at least `threshold` are listed: the probabilities fall with the rank, so
 * a branch ends at its first cell that cannot reach the threshold.
 */
export function independentJoint(heads: readonly HeadDistribution[], threshold: number, joint: SparseGrid): void {
  joint.shape = heads.map(({ ids }) => ids.length);
  joint.length = 0;
  const most = heads.map(() => 1);
  for (let axis = heads.length - 2; axis >= 0; axis--) {
    most[axis] = (most[axis + 1] as number) * ((heads[axis + 1] as HeadDistribution).probabilities[0] as number);
  }
  const descend = (axis: number, cell: number, value: number): void => {
    const { probabilities } = heads[axis] as HeadDistribution;
    const last = axis === heads.length - 1;
    for (let rank = 0; rank < probabilities.length; rank++) {
      const product = value * (probabilities[rank] as number);
      // Rounding may lift a later product a little: only a clear miss ends the branch.
      if (product * (most[axis] as number) < threshold * (1 - 1e-12)) break;
      const next = cell * probabilities.length + rank;
      if (!last) descend(axis + 1, next, product);
      else if (product >= threshold && product > 0) push(joint, next, product);
    }
  };
  descend(0, 0, 1);
}
