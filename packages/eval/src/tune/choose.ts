/** Which setting to take, and which to try next: numbers in, numbers out. */
import { checkValue, isPlainObject, valueCheck } from "@dynamo/core/options";
import { estimateCheck, type Estimate } from "../statistics/intervals.js";

/** A setting of `dynamo` that the search may choose. */
export interface TuneSetting {
  /** ε_b */
  readonly backoff: number;
  /** α_c */
  readonly maskStrength: number;
  readonly topK: number;
}

/** One setting on one set of prompts, beside one token per pass. */
export interface Trial {
  readonly setting: TuneSetting;
  /** Prompts that the search saw, or those kept for the end. */
  readonly prompts: "search" | "held-out";
  /** Measured, in turns with one token per pass. */
  readonly speedup: Estimate;
  /** Perplexity of its texts under head 1 over that of the base's texts: above 1 is worse. */
  readonly perplexityRatio: Estimate;
  /** distinct-2 of its texts over that of the base's: below 1 it repeats itself more. */
  readonly varietyRatio: Estimate;
  readonly tokensPerPass: number;
}

type Losses = Pick<Trial, "perplexityRatio" | "varietyRatio">;

const lossesCheck = valueCheck<Losses>(
  "a trial { perplexityRatio, varietyRatio }, both estimates",
  (value) =>
    isPlainObject(value) &&
    estimateCheck.accepts((value as Losses).perplexityRatio) &&
    estimateCheck.accepts((value as Losses).varietyRatio),
);

/** As `tune` reports it. */
export const trialCheck = valueCheck<Trial>("a trial, as tune() reports it", (value) => {
  if (!lossesCheck.accepts(value)) return false;
  const { setting, speedup, tokensPerPass, prompts } = value as Partial<Trial>;
  return (
    isPlainObject(setting) &&
    Object.values(setting as object).every((each) => typeof each === "number") &&
    estimateCheck.accepts(speedup) &&
    typeof tokensPerPass === "number" &&
    typeof prompts === "string"
  );
});

/** A share: 0.05 is 5 % worse by the measure that lost more. Likelihood alone can be gained by repetition, so both count. */
export function lossOf(trial: Losses): number {
  checkValue("trial", trial, lossesCheck);
  return Math.max(0, trial.perplexityRatio.value - 1, 1 - trial.varietyRatio.value);
}

export const isWithin = (trial: Trial, tolerance: number): boolean =>
  trial.speedup.value > 1 && lossOf(trial) <= tolerance;

/** Those within the tolerance, the fastest first. */
export const fastestWithin = (trials: readonly Trial[], tolerance: number): Trial[] =>
  trials.filter((trial) => isWithin(trial, tolerance)).sort((a, b) => b.speedup.value - a.speedup.value);

/** The fastest within the tolerance, else of those that are faster than the base the one that lost least. */
export function bestOf(trials: readonly Trial[], tolerance: number): Trial | undefined {
  const faster = trials.filter(({ speedup }) => speedup.value > 1);
  const candidates = faster.length > 0 ? faster : trials;
  return fastestWithin(trials, tolerance)[0] ?? [...candidates].sort((a, b) => lossOf(a) - lossOf(b))[0];
}

/** ε_b of the first look. Below 0.1 nothing gets faster: there the dynamic back-off falls back to the unmasked joint. */
const coarse = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] as const;
const masks = [0.25, 0.5, 0.75, 1] as const;

/** What is tried, given the best so far: first ε_b alone, then mask strength and top-k at the best one, then ε_b beside it. */
export const stages: readonly ((best: TuneSetting) => readonly TuneSetting[])[] = [
  (start: TuneSetting): TuneSetting[] => coarse.map((backoff) => ({ ...start, backoff })),
  (best: TuneSetting): TuneSetting[] => [
    ...masks.map((maskStrength) => ({ ...best, maskStrength })),
    ...[Math.max(2, Math.round(best.topK / 2)), 2 * best.topK].map((topK) => ({ ...best, topK })),
  ],
  (best: TuneSetting): TuneSetting[] => [-0.05, 0.05].map((step) => ({ ...best, backoff: clamp(best.backoff + step) })),
];

/** A share of two digits. */
const clamp = (backoff: number): number => Number(Math.min(1, Math.max(0, backoff)).toFixed(2));

/** Candidates that are held against prompts they were not chosen by. */
export const mostFinalists = 3;

/** Of one tuning, finalists included; what two stages have in common is tried once. */
export const mostTrials = stages.reduce(
  (sum, stage) => sum + stage({ backoff: 0.5, maskStrength: 1, topK: 50 }).length,
  mostFinalists,
);

/** Those of them that were not tried. */
export function untried(settings: readonly TuneSetting[], trials: readonly Trial[]): TuneSetting[] {
  const keyOf = ({ backoff, maskStrength, topK }: TuneSetting): string => `${backoff} ${maskStrength} ${topK}`;
  const tried = new Set(trials.map(({ setting }) => keyOf(setting)));
  return settings.filter((setting) => !tried.has(keyOf(setting)));
}
