/**
 * The judge of drafts, whoever drafted: the accept/resample rule of Chen et al. 2023, "Accelerating large language model
 * decoding with speculative sampling", Algorithm 2. What it emits has exactly head 1's distribution.
 */
import type { Candidates, Draft } from "@dynamo/core";
import { checkValue } from "@dynamo/core/options";
import type { StepOptions } from "./dynamo-step.js";
import { headDistribution, type DistributionOptions, type HeadDistribution } from "./head-distribution.js";
import type { Random } from "./random.js";
import { choose, likeliestIndex, sampleIndex } from "./sample.js";
import { checkRandom, contextCheck, draftCheck, judgeCheck, positionsCheck } from "./step-checks.js";

/** What is sampled from. */
export type JudgeOptions = DistributionOptions & Pick<StepOptions, "repetitionPenalty">;

/** One head's distribution after the context and the drafts behind it, exactly as `autoregressive` samples from head 1's. */
export function samplingDistribution(
  candidates: Candidates,
  context: Int32Array,
  drafted: readonly number[],
  options: JudgeOptions,
): HeadDistribution {
  checkValue("context", context, contextCheck);
  checkValue("drafted", drafted, contextCheck);
  checkValue("options", options, judgeCheck);
  return penalised(headDistribution(candidates, options), context, drafted, options);
}

/** Tokens that stand in the context or the drafts lose by the penalty; in place. A distribution again, but at temperature 0. */
export function penalised(
  { ids, probabilities }: HeadDistribution,
  context: Int32Array,
  drafted: readonly number[],
  options: JudgeOptions,
): HeadDistribution {
  if (options.repetitionPenalty === 1) return { ids, probabilities };
  let total = 0;
  for (let rank = 0; rank < ids.length; rank++) {
    const id = ids[rank] as number;
    if (probabilities[rank] === 0) continue;
    if (context.includes(id) || drafted.includes(id))
      probabilities[rank] = (probabilities[rank] as number) / options.repetitionPenalty;
    total += probabilities[rank] as number;
  }
  // Greedy comparisons need no normalisation, and must not lose a tie's order to its rounding.
  return { ids, probabilities: options.temperature === 0 ? probabilities : probabilities.map((p) => p / total) };
}

/** How many drafts head 1 accepts, and the correction or bonus token after them. */
export function judge(
  positions: readonly (readonly Candidates[])[],
  draft: readonly Draft[],
  context: Int32Array,
  options: JudgeOptions,
  random: Random,
): { accepted: number; token: number } {
  checkValue("draft", draft, draftCheck);
  checkValue("positions", positions, positionsCheck(draft.length + 1));
  checkRandom(random);
  const accepted: number[] = [];
  for (const [i, { token, distribution }] of draft.entries()) {
    const p = samplingDistribution(
      (positions[i] as readonly Candidates[])[0] as Candidates,
      context,
      accepted,
      options,
    );
    const rejected =
      options.temperature === 0 ? rejectGreedily(p, token) : rejectBySampling(p, token, distribution, random);
    if (rejected !== undefined) return { accepted: i, token: rejected };
    accepted.push(token);
  }
  const p = samplingDistribution(
    (positions[draft.length] as readonly Candidates[])[0] as Candidates,
    context,
    accepted,
    options,
  );
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
