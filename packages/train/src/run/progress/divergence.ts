/** A loss that stays finite but explodes: seen from the steps' losses alone, and late rather than wrongly. */
import type { StepMetrics } from "./metrics.js";

export interface DivergenceLimits {
  /** How many times the best loss is too much; 0 never stops a run. */
  readonly factor: number;
  readonly vocabularySize: number;
  /** Steps that are not judged: while the learning rate rises, so may the loss. */
  readonly warmUpSteps: number;
}

type StepLosses = Pick<StepMetrics, "step" | "losses" | "conditionalLosses">;

/** What is known of the losses up to a step. */
export interface LossWatch {
  /** Sums over the heads of the last steps. */
  readonly recent: readonly number[];
  /** The lowest median of so many steps; infinite before there are as many. */
  readonly best: number;
  /** The step since which each loss is above the limit: its weights are no good ones to keep. */
  readonly highSince: number | undefined;
  /** What is wrong, once too many of the last steps are. */
  readonly diverged: string | undefined;
}

/** Steps whose median is judged: single bad batches, however bad, do not stop a run. */
export const watchedSteps = 20;

/**
 * Nats a head above ln(vocabulary), the loss of a model that holds all tokens for equally likely: below that sum a run may have
 * become worse, but it can have learnt something, as on a mixture whose texts change.
 */
const margin = 1;

export const newLossWatch: LossWatch = {
  recent: [],
  best: Number.POSITIVE_INFINITY,
  highSince: undefined,
  diverged: undefined,
};

/** The watch after one more step. */
export function watchLoss(
  before: LossWatch,
  { step, losses: ofHeads, conditionalLosses = [] }: StepLosses,
  limits: DivergenceLimits,
): LossWatch {
  const losses = [...ofHeads, ...conditionalLosses];
  const total = losses.reduce((sum, loss) => sum + loss, 0);
  const recent = [...before.recent, total].slice(-watchedSteps);
  const median = recent.length < watchedSteps ? Number.POSITIVE_INFINITY : lowerMedian(recent);
  const best = Math.min(before.best, median);
  const limit = Math.max(limits.factor * best, (Math.log(limits.vocabularySize) + margin) * losses.length);
  const judged = limits.factor > 0 && Number.isFinite(best) && step > limits.warmUpSteps;
  if (!judged || total <= limit) return { recent, best, highSince: undefined, diverged: undefined };
  const highSince = before.highSince ?? step;
  // All of the median's steps must lie after the warm-up.
  const isOver = Number.isFinite(median) && median > limit && step >= limits.warmUpSteps + watchedSteps;
  const diverged = isOver ? describe({ median, best, limit, highSince }) : undefined;
  return { recent, best, highSince, diverged };
}

/** More than half of the values lie above anything below it. */
const lowerMedian = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] as number;

interface Divergence {
  readonly median: number;
  readonly best: number;
  readonly limit: number;
  readonly highSince: number;
}

const describe = ({ median, best, limit, highSince }: Divergence): string =>
  `training diverged: the heads' losses together are ${median.toFixed(2)} in the last ${watchedSteps} steps (median) and were ` +
  `${best.toFixed(2)} at best, expected at most ${limit.toFixed(2)}; they are higher since step ${highSince}; lower learningRate ` +
  "or headLearningRate, or clipNorm, and begin a new run at the last checkpoint; divergenceFactor 0 lets a run go on";
