/**
 * Verified decoding: heads 2..N draft, head 1 judges on the next pass, and the output has exactly the base model's
 * distribution (judge.ts). Greedy output is head 1's, token for token.
 */
import type { Candidates, Cooccurrence, Draft, NgramMatches, Strategy } from "@dynamo/core";
import { conditionalHead } from "./conditional.js";
import { checkOptions, type OptionChecks } from "@dynamo/core/options";
import type { StepOptions } from "./dynamo-step.js";
import { power } from "./exponential.js";
import { generateOptions } from "./generate-checks.js";
import { headDistribution, type HeadDistribution } from "./head-distribution.js";
import { judge, penalised } from "./judge.js";
import { resolve, samplingChecks, share, tokenHeads, type SamplingOptions } from "./options.js";
import type { Random } from "./random.js";
import { choose } from "./sample.js";

/** Options of `verified`. */
export interface VerifiedOptions extends SamplingOptions {
  /** How much the co-occurrence mask helps the drafts, 0 to 1. It never changes the output's distribution. Default 1. */
  readonly maskStrength?: number | undefined;
  /** Draft with the first heads only; default: all that the model has. */
  readonly tokenHeads?: number | undefined;
}

/** By option. */
export const verifiedChecks: OptionChecks<VerifiedOptions> = { ...samplingChecks, maskStrength: share, tokenHeads };

/** Throws `invalid-argument` for options that it does not have, or out of range. */
export function verified(options: VerifiedOptions = {}): Strategy {
  checkOptions("verified()", options, verifiedChecks, generateOptions);
  return {
    name: "verified",
    lossless: true,
    ...(options.tokenHeads === undefined ? {} : { heads: options.tokenHeads }),
    ...(options.topK === undefined ? {} : { topK: options.topK }),
    step({ positions, draft, context, cooccurrence, defaults, remaining, random }) {
      const resolved = resolve(options, defaults);
      const { accepted, token } = judge(positions, draft, context, resolved, random);
      const heads = (positions[accepted] ?? []).slice(0, Math.max(1, remaining - accepted));
      const emitted = [...draft.slice(0, accepted).map((each) => each.token), token];
      const next = propose(heads, { context, emitted }, cooccurrence, resolved, random);
      return { accepted, tokens: [token], draft: next, order: accepted + 1 };
    },
  };
}

/**
 * Drafts one token per head, head by head. With a mask, head n's distribution is weighted by how often its tokens follow
 * those drafted so far; a conditional part knows more of them: any draft distribution is right, a better one is accepted more often.
 */
function propose(
  heads: readonly Candidates[],
  { context, emitted }: { readonly context: Int32Array; readonly emitted: readonly number[] },
  mask: Cooccurrence | undefined,
  options: StepOptions,
  random: Random,
): Draft[] {
  const before = [...emitted];
  const tuple = emitted.slice(-1);
  const drafts: Draft[] = [];
  for (const candidates of heads.slice(1)) {
    // Head 1 will judge with the penalty.
    const distribution = penalised(behind(candidates, tuple, mask, options), context, before, options);
    const rank = choose(distribution.probabilities, distribution.ids.length, options.temperature, random);
    const token = distribution.ids[rank] as number;
    tuple.push(token);
    before.push(token);
    drafts.push(options.temperature === 0 ? { token } : { token, distribution });
  }
  return drafts;
}

/** By the head's conditional part where it has one, else by the mask. */
function behind(
  candidates: Candidates,
  tuple: readonly number[],
  mask: Cooccurrence | undefined,
  options: StepOptions,
): HeadDistribution {
  if (candidates.conditional === undefined)
    return weighted(headDistribution(candidates, options), tuple, mask, options.maskStrength);
  const { ids, behind } = conditionalHead(candidates, { counts: undefined, options });
  return { ids, probabilities: behind(tuple) };
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
