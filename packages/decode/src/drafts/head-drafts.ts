/**
 * Token heads 2..N: head n drafts the n-th token from the last committed one on. A conditional part knows the tokens between; without one,
 * a head's distribution is weighted by how often its tokens follow those drafted so far.
 */
import type { Candidates, Cooccurrence, NgramMatches } from "@dynamo/core";
import { conditionalHead } from "../conditional.js";
import type { StepOptions } from "../dynamo-step.js";
import { power } from "../exponential.js";
import { headDistribution, type HeadDistribution } from "../head-distribution.js";
import type { DraftSource } from "./draft-source.js";

/** Of the first `tokenHeads` heads; default: all that the model has. */
export function headDrafts(tokenHeads = Infinity): DraftSource<undefined> {
  return {
    name: "heads",
    heads: tokenHeads,
    next({ emitted, drafted, heads, cooccurrence, options }) {
      const candidates = heads[drafted.length + 1];
      return candidates === undefined
        ? undefined
        : behind(candidates, [...emitted.slice(-1), ...drafted], cooccurrence, options);
    },
  };
}

/** Of a conditional part's list: more of it is accepted no more often, and costs time. */
const listed = 32;

/** By the head's conditional part where it has one, else by the mask. */
function behind(
  candidates: Candidates,
  tuple: readonly number[],
  mask: Cooccurrence | undefined,
  options: StepOptions,
): HeadDistribution {
  if (candidates.conditional === undefined)
    return weighted(headDistribution(candidates, options), tuple, mask, options.maskStrength);
  const head = conditionalHead(candidates, { counts: undefined, options, most: listed });
  return { ids: head.ids, probabilities: head.behind(tuple) };
}

/** q(x) ∝ p(x) · w(tuple, x)^strength; p itself where the mask has seen no such n-gram. */
function weighted(
  head: HeadDistribution,
  tuple: readonly number[],
  mask: Cooccurrence | undefined,
  strength: number,
): HeadDistribution {
  if (mask === undefined || strength === 0 || tuple.length + 1 > mask.order) return head;
  const matches: NgramMatches = {
    cells: new Int32Array(head.ids.length),
    weights: new Float64Array(head.ids.length),
    length: 0,
  };
  mask.match([...tuple.map((token) => Int32Array.of(token)), head.ids], matches);
  const probabilities = new Float64Array(head.ids.length);
  let total = 0;
  for (let i = 0; i < matches.length; i++) {
    const rank = matches.cells[i] as number;
    const value = (head.probabilities[rank] as number) * power(matches.weights[i] as number, strength);
    probabilities[rank] = value;
    total += value;
  }
  return total > 0 ? { ids: head.ids, probabilities: probabilities.map((value) => value / total) } : head;
}
