/**
 * Verified decoding: heads 2..N draft, head 1 judges on the next pass, and the output has exactly the base model's
 * distribution (accept/resample rule of Chen et al. 2023, "Accelerating large language model decoding with speculative
 * sampling", Algorithm 2). Greedy output is head 1's, token for token.
 */
import type { Candidates, Cooccurrence, Draft, NgramMatches, Strategy } from "@dynamo/core";
import type { StepOptions } from "./dynamo-step.js";
import { power } from "./exponential.js";
import { headDistribution, type HeadDistribution } from "./head-distribution.js";
import { checkSampling, checkShare, checkTokenHeads, resolve, type SamplingOptions } from "./options.js";
import type { Random } from "./random.js";
import { choose, likeliestIndex, sampleIndex } from "./sample.js";

export interface VerifiedOptions extends SamplingOptions {
  /** How much the co-occurrence mask helps the drafts, 0 to 1. It never changes the output's distribution. Default 1. */
  readonly maskStrength?: number | undefined;
  /** Draft with the first heads only; default: all that the model has. */
  readonly tokenHeads?: number | undefined;
}

/** Throws `invalid-argument` for options out of range. */
export function verified(options: VerifiedOptions = {}): Strategy {
  checkSampling(options);
  checkShare("maskStrength", options.maskStrength);
  checkTokenHeads(options.tokenHeads);
  return {
    name: "verified",
    ...(options.tokenHeads === undefined ? {} : { heads: options.tokenHeads }),
    ...(options.topK === undefined ? {} : { topK: options.topK }),
    step({ positions, draft, context, cooccurrence, defaults, remaining, random }) {
      const resolved = resolve(options, defaults);
      const { accepted, token } = judge(positions, draft, context, resolved, random);
      const heads = (positions[accepted] ?? []).slice(0, Math.max(1, remaining - accepted));
      const next = propose(heads, token, cooccurrence, resolved, random);
      return { accepted, tokens: [token], draft: next, order: accepted + 1 };
    },
  };
}

/** Head 1's distribution after the context and the accepted drafts, exactly as `autoregressive` samples from it. */
function target(
  candidates: Candidates,
  context: Int32Array,
  accepted: readonly number[],
  options: StepOptions,
): HeadDistribution {
  const { ids, probabilities } = headDistribution(candidates, options);
  if (options.repetitionPenalty === 1) return { ids, probabilities };
  let total = 0;
  for (let rank = 0; rank < ids.length; rank++) {
    const id = ids[rank] as number;
    if (context.includes(id) || accepted.includes(id))
      probabilities[rank] = (probabilities[rank] as number) / options.repetitionPenalty;
    total += probabilities[rank] as number;
  }
  // Greedy comparisons need no normalisation, and must not lose a tie's order to its rounding.
  return { ids, probabilities: options.temperature === 0 ? probabilities : probabilities.map((p) => p / total) };
}

/** How many drafts head 1 accepts, and the correction or bonus token after them. */
function judge(
  positions: readonly (readonly Candidates[])[],
  draft: readonly Draft[],
  context: Int32Array,
  options: StepOptions,
  random: Random,
): { accepted: number; token: number } {
  const accepted: number[] = [];
  for (const [i, { token, distribution }] of draft.entries()) {
    const p = target((positions[i] as readonly Candidates[])[0] as Candidates, context, accepted, options);
    const rejected =
      options.temperature === 0 ? rejectGreedily(p, token) : rejectBySampling(p, token, distribution, random);
    if (rejected !== undefined) return { accepted: i, token: rejected };
    accepted.push(token);
  }
  const p = target((positions[draft.length] as readonly Candidates[])[0] as Candidates, context, accepted, options);
  const bonus = choose(p.probabilities, p.ids.length, options.temperature, random);
  return { accepted: draft.length, token: p.ids[bonus] as number };
}

/** The correction, or undefined when the draft is the likeliest token. */
function rejectGreedily({ ids, probabilities }: HeadDistribution, token: number): number | undefined {
  const likeliest = ids[likeliestIndex(probabilities, ids.length)] as number;
  return likeliest === token ? undefined : likeliest;
}

/** Accepts with probability min(1, p/q), else draws the correction from max(0, p - q). */
function rejectBySampling(
  p: HeadDistribution,
  token: number,
  q: Draft["distribution"],
  random: Random,
): number | undefined {
  const of = (distribution: Draft["distribution"], id: number): number =>
    distribution?.probabilities[distribution.ids.indexOf(id)] ?? 0;
  if (random() * of(q, token) < of(p, token)) return undefined;
  const rest = p.probabilities.map((probability, rank) => Math.max(0, probability - of(q, p.ids[rank] as number)));
  return p.ids[sampleIndex(rest, rest.length, random)];
}

/**
 * Drafts one token a head, head by head. With a mask, head n's distribution is weighted by how often its tokens follow
 * those drafted so far: any draft distribution is right, a better one is accepted more often.
 */
function propose(
  heads: readonly Candidates[],
  first: number,
  mask: Cooccurrence | undefined,
  options: StepOptions,
  random: Random,
): Draft[] {
  const tuple = [first];
  const drafts: Draft[] = [];
  for (const candidates of heads.slice(1)) {
    const distribution = weighted(headDistribution(candidates, options), tuple, mask, options.maskStrength);
    const rank = choose(distribution.probabilities, distribution.ids.length, options.temperature, random);
    const token = distribution.ids[rank] as number;
    tuple.push(token);
    drafts.push(options.temperature === 0 ? { token } : { token, distribution });
  }
  return drafts;
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
