/** How far each setting's texts lie from the base's frontier: the base at several temperatures, by likelihood and variety. */
import { jackknifeInterval, meanOf, type Estimate } from "../statistics/intervals.js";
import { placeOnFrontier } from "../statistics/frontier.js";
import type { MeasuredText } from "./measures-result.js";

/** The measures of variety that a frontier is drawn of. */
export type Variety = "distinct-2" | "divergence";

/** Of one setting by one measure of variety. */
export interface FrontierGap {
  /** Nats per token above the frontier at the setting's variety; 95 % by a jackknife over the prompts. */
  readonly nats: Estimate;
  /** The frontier had to be extrapolated: its varieties do not reach the setting's. */
  readonly beyond: boolean;
}

/** Texts of one setting or of one temperature of the base. */
export interface FrontierTexts {
  readonly texts: readonly Pick<MeasuredText, "prompt" | "logLikelihood">[];
  readonly variety: Readonly<Record<Variety, number | null | undefined>>;
  /** distinct-2 without each prompt's texts; a variety that is not here is taken as it is, whatever prompt is left out. */
  readonly distinctWithout?: ReadonlyMap<number, number | null> | undefined;
}

/** By one measure of variety: of all prompts, or of all but one. */
interface Point {
  readonly variety: number | null | undefined;
  readonly without: (prompt: number) => number | null | undefined;
  /** The mean of each prompt's texts. */
  readonly nats: ReadonlyMap<number, number>;
}

/**
 * Null without likelihoods or without this measure, and for fewer than two temperatures of different variety. The interval: each prompt
 * is left out in turn, with its texts of the setting and of the base, from likelihoods and varieties.
 */
export function frontierGap(own: FrontierTexts, base: readonly FrontierTexts[], variety: Variety): FrontierGap | null {
  const pointOf = (each: FrontierTexts): Point => ({
    variety: each.variety[variety],
    without: (prompt) =>
      (variety === "distinct-2" ? each.distinctWithout?.get(prompt) : undefined) ?? each.variety[variety],
    nats: natsByPrompt(each.texts),
  });
  const [setting, frontier] = [pointOf(own), base.map(pointOf)];
  const all = gapOf(setting, frontier);
  if (all === null) return null;
  const parts = all.prompts.flatMap((prompt) => gapOf(setting, frontier, prompt)?.nats ?? []);
  const interval = parts.length === all.prompts.length ? jackknifeInterval(all.nats, parts) : null;
  return { nats: { value: all.nats, interval }, beyond: all.beyond };
}

interface Gap {
  readonly nats: number;
  readonly beyond: boolean;
  /** Those of which there are texts of the setting and of the frontier beside it. */
  readonly prompts: readonly number[];
}

/** The mean over the prompts of what their texts lie above their frontier at the setting's variety. */
function gapOf(setting: Point, frontier: readonly Point[], left?: number): Gap | null {
  const varietyOf = (point: Point): number | null | undefined =>
    left === undefined ? point.variety : point.without(left);
  const at = varietyOf(setting);
  const points = frontier.flatMap((point) => {
    const [value, nats] = [
      varietyOf(point),
      [...point.nats].flatMap(([prompt, own]) => (prompt === left ? [] : [own])),
    ];
    return typeof value === "number" && nats.length > 0 ? [{ point, variety: value, nats: meanOf(nats) }] : [];
  });
  const place = typeof at === "number" ? placeOnFrontier(points, at) : null;
  if (place === null) return null;
  const differences = [...setting.nats].flatMap(([prompt, nats]) => {
    const beside = place.parts.map(({ point, share }) => share * (points[point]?.point.nats.get(prompt) ?? NaN));
    const difference = nats - beside.reduce((sum, part) => sum + part, 0);
    return prompt !== left && Number.isFinite(difference) ? [{ prompt, difference }] : [];
  });
  if (differences.length === 0) return null;
  return {
    nats: meanOf(differences.map(({ difference }) => difference)),
    beyond: place.beyond,
    prompts: differences.map(({ prompt }) => prompt),
  };
}

function natsByPrompt(texts: FrontierTexts["texts"]): Map<number, number> {
  const found = new Map<number, number[]>();
  for (const { prompt, logLikelihood } of texts)
    if (logLikelihood !== null) found.set(prompt, [...(found.get(prompt) ?? []), -logLikelihood]);
  return new Map([...found].map(([prompt, nats]) => [prompt, meanOf(nats)]));
}
