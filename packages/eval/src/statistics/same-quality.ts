/** The same-quality speed-up (paper, section 4): where the regression of quality on speed-up meets the base's quality. */
import { checkValue, isPlainObject, listOf, finite as finiteCheck, valueCheck } from "@dynamo/core/options";
import type { Interval } from "./intervals.js";
import { crossingInterval, fitLine, lineAt, type Line } from "./regression.js";

/** A setting's speed-up and quality. */
export interface QualityPoint {
  /** Measured wall-clock speed-up against one token per pass. */
  readonly speedup: number;
  /** Higher is better: a win rate against the base, a judge's mark, a log-likelihood. */
  readonly quality: number;
}

/** The speed-up at the base's quality, read off a line. */
export interface SameQuality {
  /** The base's quality: 1 for win rates. */
  readonly level: number;
  readonly line: Pick<Line, "slope" | "intercept" | "residual" | "points" | "range">;
  /** Null where quality does not fall with speed-up: then no speed-up is the last one at the base's quality. */
  readonly speedup: number | null;
  /** 95 %, where the band meets the level; null where the points do not bound it. */
  readonly interval: Interval;
  /** The crossing lies beyond the measured speed-ups: an extrapolation, not a measurement. */
  readonly theoretical: boolean;
  /** Of the line and its 95 % band over the measured range and up to the crossing, to draw. */
  readonly band: readonly { readonly speedup: number; readonly quality: number; readonly interval: Interval }[];
}

const isNumber = (value: unknown): boolean => typeof value === "number";
const pointsCheck = listOf(
  valueCheck<QualityPoint>(
    "",
    (value) =>
      isPlainObject(value) && isNumber((value as QualityPoint).speedup) && isNumber((value as QualityPoint).quality),
  ),
  "a list of { speedup, quality }, both numbers",
);

/** Places at which the band is given. */
const bandPoints = 33;

/** Null for fewer than two different speed-ups. */
export function sameQuality(points: readonly QualityPoint[], level: number): SameQuality | null {
  checkValue("points", points, pointsCheck);
  checkValue("level", level, finiteCheck);
  const finite = points.filter(({ speedup, quality }) => Number.isFinite(speedup) && Number.isFinite(quality));
  if (new Set(finite.map(({ speedup }) => speedup)).size < 2) return null;
  const line = fitLine(finite.map(({ speedup, quality }) => ({ x: speedup, y: quality })));
  const { slope, intercept, residual, points: count, range } = line;
  const falls = slope < 0;
  const speedup = falls ? (level - intercept) / slope : null;
  const [low, high] = range;
  const theoretical = speedup !== null && (speedup < low || speedup > high);
  // A crossing far away would draw the measured part into a corner.
  const span = high - low;
  const from = speedup === null ? low : Math.min(low, Math.max(speedup, low - 2 * span));
  const to = speedup === null ? high : Math.max(high, Math.min(speedup, high + 2 * span));
  const band = Array.from({ length: bandPoints }, (_, i) => {
    const x = from + ((to - from) * i) / (bandPoints - 1);
    const { y, interval } = lineAt(line, x);
    return { speedup: x, quality: y, interval };
  });
  const interval = falls ? crossingInterval(line, level) : null;
  return { level, line: { slope, intercept, residual, points: count, range }, speedup, interval, theoretical, band };
}
