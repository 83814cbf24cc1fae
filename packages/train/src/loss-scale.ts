/**
 * Dynamic loss scaling. Float16 takes numbers below 6e-8 for 0, and gradients are small: the loss is multiplied by a scale, and
 * what comes out is divided by it. A scale that is too large makes gradients overflow; that step is left out, with the next
 * scale half as large. Constants as in PyTorch's GradScaler.
 */
import { DynamoError } from "@dynamo/core";

/** Everything that a run goes on with. */
export interface LossScale {
  readonly scale: number;
  /** Steps since the scale last changed. */
  readonly goodSteps: number;
  /** Steps of the run that were left out. */
  readonly skipped: number;
}

/** The loss scale that training in float16 begins with. */
export const initialLossScale: LossScale = { scale: 2 ** 16, goodSteps: 0, skipped: 0 };

const growth = 2;
const backoff = 0.5;
const growthInterval = 2000;
/** A loss that is scaled down overflows by itself: it is not the scale. */
const smallest = 1;
/** The square of its inverse, which the update multiplies by, is a normal number of float32. */
const largest = 2 ** 60;

/** The scale after a step whose gradients were all finite, or not. Throws `runtime` when no scale is small enough. */
export function nextLossScale({ scale, goodSteps, skipped }: LossScale, finite: boolean): LossScale {
  if (finite && goodSteps + 1 < growthInterval) return { scale, goodSteps: goodSteps + 1, skipped };
  if (finite) return { scale: Math.min(scale * growth, largest), goodSteps: 0, skipped };
  if (scale * backoff >= smallest) return { scale: scale * backoff, goodSteps: 0, skipped: skipped + 1 };
  throw new DynamoError(
    "runtime",
    `training diverged: the gradients overflow at every loss scale down to ${scale}; lower the learning rate, clip more, or train in float32`,
  );
}
