/** A setting that tuning may choose, and what was measured of it. */
import { jointKinds, type JointKind } from "@dynamo/decode";
import {
  checkValue,
  isPlainObject,
  members,
  numberFrom,
  numberIn,
  oneOf,
  required,
  valueCheck,
  whole,
} from "@dynamo/core/options";
import type { FrontierGap } from "../open-ended/frontier-gaps.js";
import { estimateCheck, type Estimate } from "../statistics/intervals.js";

/** What is left out, the strategy does not have. */
export interface TuneSetting {
  /** `plugin`: a strategy of the user's own, in dynamo's place. */
  readonly strategy: "dynamo" | "verified" | "plugin";
  readonly temperature: number;
  readonly topK: number;
  readonly joint?: JointKind | undefined;
  /** ε_b */
  readonly backoff?: number | undefined;
  /** α_c */
  readonly maskStrength?: number | undefined;
}

/** One setting on one set of prompts, beside one token per pass. */
export interface Trial {
  readonly setting: TuneSetting;
  /** Prompts that the search saw, or those kept for the end. */
  readonly prompts: "search" | "held-out";
  /** How many of them. */
  readonly count: number;
  /** Seconds per token of one token per pass over the setting's, written in turns. */
  readonly speedup: Estimate;
  readonly tokensPerPass: number;
  /** By distinct-2; 0 without an interval for a strategy that is the base's own in distribution; null where there were too few texts. */
  readonly gap: FrontierGap | null;
  /** distinct-2 of its texts. */
  readonly variety: number | null;
  /** The strategy's own claim: its texts are one token per pass's, in distribution. */
  readonly lossless: boolean;
}

export const settingCheck = members<TuneSetting>({
  strategy: required(oneOf("dynamo", "verified", "plugin")),
  temperature: required(numberFrom(0)),
  topK: required(whole(1)),
  joint: oneOf(...jointKinds),
  backoff: numberIn(0, 1),
  maskStrength: numberIn(0, 1),
});

/** As `tune` reports it. */
export const trialCheck = valueCheck<Trial>("a trial, as tune() reports it", (value) => {
  if (!isPlainObject(value)) return false;
  const { setting, count, speedup, gap, tokensPerPass } = value as Partial<Trial>;
  return (
    settingCheck.accepts(setting) &&
    whole(0).accepts(count) &&
    estimateCheck.accepts(speedup) &&
    (gap === null || (isPlainObject(gap) && estimateCheck.accepts((gap as FrontierGap).nats))) &&
    typeof tokensPerPass === "number"
  );
});

/** The same settings have the same key. */
export const keyOf = ({ strategy, temperature, topK, joint, backoff, maskStrength }: TuneSetting): string =>
  [strategy, joint, temperature, topK, backoff, maskStrength].join(" ");

/** Faster than one token per pass, and its estimated gap, which had to be extrapolated for nothing, is not above the tolerance. */
export function isWithin(trial: Trial, tolerance: number): boolean {
  checkValue("trial", trial, trialCheck);
  const { speedup, gap } = trial;
  return speedup.value > 1 && gap !== null && !gap.beyond && gap.nats.value <= tolerance;
}
