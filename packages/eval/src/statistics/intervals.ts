/** Means with 95 % confidence intervals by Student's t. Independent observations are the caller's claim. */
import { checkValue, isPlainObject, valueCheck } from "@dynamo/core/options";
import { numbersCheck } from "../arguments.js";
import { criticalT } from "./student.js";

/** Both ends, or null where the sample is too small to tell. */
export type Interval = readonly [low: number, high: number] | null;

/** A value with its confidence interval. */
export interface Estimate {
  readonly value: number;
  readonly interval: Interval;
}

const isInterval = (value: unknown): boolean =>
  value === null ||
  (Array.isArray(value) && value.length === 2 && Array.from(value).every((end) => typeof end === "number"));

export const estimateCheck = valueCheck<Estimate>(
  "an estimate { value, interval }",
  (value) =>
    isPlainObject(value) && typeof (value as Estimate).value === "number" && isInterval((value as Estimate).interval),
);

export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Null for no values; an interval from two on. */
export function meanEstimate(values: readonly number[]): Estimate | null {
  if (values.length === 0) return null;
  const mean = meanOf(values);
  if (values.length < 2) return { value: mean, interval: null };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  const half = criticalT(values.length - 1) * Math.sqrt(variance / values.length);
  return { value: mean, interval: [mean - half, mean + half] };
}

/**
 * 95 % of a value by the same value without each observation in turn (Efron and Stein 1981), by Student's t. Of a mean it is the mean's own
 * interval; of what is no mean, such as a measure of all observations together, their share in its error is in it too.
 */
export function jackknifeInterval(value: number, withoutEach: readonly number[]): Interval {
  const n = withoutEach.length;
  if (n < 2) return null;
  const mean = meanOf(withoutEach);
  const squares = withoutEach.reduce((sum, each) => sum + (each - mean) ** 2, 0);
  const half = criticalT(n - 1) * Math.sqrt((squares * (n - 1)) / n);
  return [value - half, value + half];
}

/** The geometric mean of ratios, its interval on the logarithm's scale: the same for ratios and for their inverses. */
export function ratioEstimate(ratios: readonly number[]): Estimate | null {
  checkValue("ratios", ratios, numbersCheck);
  const estimate = meanEstimate(ratios.map(Math.log));
  if (estimate === null) return null;
  const { value, interval } = estimate;
  return {
    value: Math.exp(value),
    interval: interval === null ? null : [Math.exp(interval[0]), Math.exp(interval[1])],
  };
}

/** The mean of clusters' means: values of one prompt are no independent observations, prompts are. */
export function clusteredMean(clusters: readonly (readonly number[])[]): Estimate | null {
  return meanEstimate(clusters.filter(({ length }) => length > 0).map(meanOf));
}
