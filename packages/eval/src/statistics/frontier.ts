/**
 * The base's frontier: likelihood against variety as its temperature changes. A strategy that only moved along it would lose
 * nothing, whatever its likelihood. The frontier gap of its texts is how many nats per token they lie above it, at their variety.
 */
import { checkValue, isPlainObject, finite, listOf, valueCheck } from "@dynamo/core/options";

/** One temperature of the base, or one setting. */
export interface FrontierPoint {
  /** Nats per token under the scorer: less is likelier. */
  readonly nats: number;
  /** More is better: distinct-2, the distance to real texts. */
  readonly variety: number;
}

/** What a variety's place on the frontier lies between. */
export interface FrontierPlace {
  /** Places in the list of points, and how much each counts; the shares sum to 1. */
  readonly parts: readonly { readonly point: number; readonly share: number }[];
  /** The variety lies beyond the measured ones: an extrapolation of the last two. */
  readonly beyond: boolean;
}

const pointsCheck = listOf(
  valueCheck<FrontierPoint>(
    "",
    (value) =>
      isPlainObject(value) &&
      finite.accepts((value as FrontierPoint).nats) &&
      finite.accepts((value as FrontierPoint).variety),
  ),
  "a list of { nats, variety }, both numbers",
);

/** Straight lines between neighbours by variety. Null for fewer than two different varieties. */
export function placeOnFrontier(points: readonly FrontierPoint[], variety: number): FrontierPlace | null {
  checkValue("points", points, pointsCheck);
  checkValue("variety", variety, finite);
  const varietyOf = (point: number): number => points[point]?.variety ?? NaN;
  const sorted = [...points.keys()].sort((a, b) => varietyOf(a) - varietyOf(b));
  // Points of one variety are one place.
  const places = sorted.filter((point, i) => i === 0 || varietyOf(point) > varietyOf(sorted[i - 1] ?? 0));
  if (places.length < 2) return null;
  const after = places.findIndex((point) => varietyOf(point) >= variety);
  const right = after < 0 ? places.length - 1 : Math.max(1, after);
  const [low, high] = [places[right - 1] ?? 0, places[right] ?? 0];
  const share = (variety - varietyOf(low)) / (varietyOf(high) - varietyOf(low));
  return {
    parts: [
      { point: low, share: 1 - share },
      { point: high, share },
    ],
    beyond: share < 0 || share > 1,
  };
}
