/** Where drafts come from. Whoever proposes, one judge decides (judge.ts): a source can make a text slower, never another text. */
import { DynamoError, type Candidates, type Cooccurrence } from "@dynamo/core";
import { describeValue } from "@dynamo/core/options";
import type { StepOptions } from "../dynamo-step.js";
import type { HeadDistribution } from "../head-distribution.js";

/**
 * Says what may come next. It gives distributions and draws nothing: `verified` draws its drafts itself, so that what is judged
 * with is what was drawn from, whatever a source claims.
 */
export interface DraftSource<State = unknown> {
  readonly name: string;
  /** Token heads that it reads; Infinity for all that the model has. Default 1: the judge's. */
  readonly heads?: number;
  /** Makes what is kept for one text; `prompt` stays as it is. */
  begin?(prompt: Int32Array): State;
  /** Called once a step, before `next`: what the pass said, and what was emitted. */
  see?(seen: SeenStep<State>): void;
  /** A distribution of the token behind `emitted` and `drafted`, or undefined where it has nothing to say. */
  next(place: DraftPlace<State>): Proposal | undefined;
}

/** What may come next. */
export interface Proposal extends HeadDistribution {
  /** How likely head 1 is to agree, 0 to 1; default: by the distribution's entropy. Whether a draft pays is decided with it. */
  readonly agreement?: number;
}

/** A pass that was judged. */
export interface SeenStep<State> {
  readonly state: State;
  /** What each position's candidates follow: the last committed token, then the drafts. */
  readonly fed: readonly number[];
  /** Head 1's candidates of each position. */
  readonly candidates: readonly Candidates[];
  /** Tokens that the step commits: accepted drafts and the one behind them. */
  readonly emitted: readonly number[];
}

/** A place behind the text for which a draft is wanted. */
export interface DraftPlace<State> {
  readonly state: State;
  /** Of this step; at least one token. */
  readonly emitted: readonly number[];
  /** Behind them, by whichever source. */
  readonly drafted: readonly number[];
  /** All heads' candidates at the position of the last emitted token, head 1 first: head n speaks of the n-th token from it on. */
  readonly heads: readonly Candidates[];
  readonly cooccurrence: Cooccurrence | undefined;
  readonly options: StepOptions;
}

/** A distribution with one token: a draft that was not drawn. */
export const certain = (token: number): HeadDistribution => ({
  ids: Int32Array.of(token),
  probabilities: Float64Array.of(1),
});

/** Judging divides by what was drawn from, so it has to sum to 1. Throws `invalid-argument` for what is no distribution. */
export function normalised(name: string, given: Proposal): Proposal {
  const { ids, probabilities } = given;
  let total = 0;
  for (let rank = 0; rank < ids.length; rank++) {
    const probability = probabilities[rank] as number;
    // Of undefined and NaN too.
    if (!(probability >= 0)) total = NaN;
    total += probability;
  }
  if (!(total > 0 && total < Infinity) || ids.length !== probabilities.length)
    throw new DynamoError(
      "invalid-argument",
      `draft source ${name}: expected one probability of at least 0 for each of its ids, not all 0, received ${describeValue(Array.from(probabilities))} for ${ids.length} ids`,
    );
  return Math.abs(total - 1) < 1e-12 ? given : { ...given, probabilities: probabilities.map((each) => each / total) };
}
