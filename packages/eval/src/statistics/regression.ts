/** A straight line through points by least squares, with the confidence band of its mean. */
import { DynamoError } from "@dynamo/core";
import type { Interval } from "./intervals.js";
import { criticalT } from "./student.js";

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Line {
  readonly slope: number;
  readonly intercept: number;
  readonly points: number;
  /** Of the points: where the line is measured, not extrapolated. */
  readonly range: readonly [low: number, high: number];
  readonly meanX: number;
  /** Σ (x - mean x)². */
  readonly spreadX: number;
  /** Residual standard deviation, of points - 2 degrees of freedom; null for two points. */
  readonly residual: number | null;
}

/** Throws `invalid-argument` for fewer than two different x, or values that are not finite. */
export function fitLine(points: readonly Point[]): Line {
  const n = points.length;
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / n;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / n;
  const spreadX = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  const [low, high] = [Math.min(...points.map(({ x }) => x)), Math.max(...points.map(({ x }) => x))];
  if (!(n >= 2 && high > low && spreadX > 0 && Number.isFinite(spreadX) && Number.isFinite(meanY)))
    throw new DynamoError("invalid-argument", `a line needs two points of different x, received ${n} points`);
  const slope = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spreadX;
  const intercept = meanY - slope * meanX;
  const squares = points.reduce((sum, { x, y }) => sum + (y - intercept - slope * x) ** 2, 0);
  const residual = n > 2 ? Math.sqrt(squares / (n - 2)) : null;
  return { slope, intercept, points: n, range: [low, high], meanX, spreadX, residual };
}

/** The line's y at x, and the 95 % band of its mean there. */
export function lineAt(line: Line, x: number): { readonly y: number; readonly interval: Interval } {
  const { slope, intercept, points, meanX, spreadX, residual } = line;
  const y = intercept + slope * x;
  if (residual === null) return { y, interval: null };
  const half = criticalT(points - 2) * residual * Math.sqrt(1 / points + (x - meanX) ** 2 / spreadX);
  return { y, interval: [y - half, y + half] };
}

/**
 * Where the band's edges meet y = level (Fieller): the x that the points cannot tell from the crossing. Null where the
 * slope itself cannot be told from 0, so that no end is certain.
 */
export function crossingInterval(
  { slope, intercept, points, meanX, spreadX, residual }: Line,
  level: number,
): Interval {
  if (residual === null) return null;
  const t = criticalT(points - 2) * residual;
  // (g + slope·u)² = t²(1/n + u²/Sxx), u = x - mean x, g = the line's height over the level at mean x.
  const g = intercept + slope * meanX - level;
  const a = slope * slope - (t * t) / spreadX;
  if (!(a > 0)) return null;
  const b = g * slope;
  const root = Math.sqrt(Math.max(0, b * b - a * (g * g - (t * t) / points)));
  return [meanX + (-b - root) / a, meanX + (-b + root) / a];
}
