/** How far each setting's texts lie from the base's frontier: the base at several temperatures, by likelihood and variety. */
import { meanEstimate, meanOf, type Estimate } from "../statistics/intervals.js";
import { placeOnFrontier } from "../statistics/frontier.js";
import type { MeasuredText } from "./measures-result.js";

/** The measures of variety that a frontier is drawn of. */
export type Variety = "distinct-2" | "divergence";

/** Of one setting by one measure of variety. */
export interface FrontierGap {
  /** Nats per token above the frontier at the setting's variety; 95 % over the prompts, the varieties taken as they are. */
  readonly nats: Estimate;
  /** The frontier had to be extrapolated: its varieties do not reach the setting's. */
  readonly beyond: boolean;
}

/** Texts of one setting or of one temperature of the base. */
export interface FrontierTexts {
  readonly texts: readonly MeasuredText[];
  readonly variety: Readonly<Record<Variety, number | null | undefined>>;
}

/** Null without likelihoods or without this measure, and for fewer than two temperatures of different variety. */
export function frontierGap(own: FrontierTexts, base: readonly FrontierTexts[], variety: Variety): FrontierGap | null {
  const at = own.variety[variety];
  const points = base.flatMap((each) => {
    const [value, nats] = [each.variety[variety], natsByPrompt(each.texts)];
    return typeof value === "number" && nats.size > 0 ? [{ value, nats }] : [];
  });
  if (typeof at !== "number") return null;
  const place = placeOnFrontier(
    points.map(({ value, nats }) => ({ variety: value, nats: meanOf([...nats.values()]) })),
    at,
  );
  if (place === null) return null;
  const differences = [...natsByPrompt(own.texts)].flatMap(([prompt, nats]) => {
    const frontier = place.parts.map(({ point, share }) => share * (points[point]?.nats.get(prompt) ?? NaN));
    const difference = nats - frontier.reduce((sum, part) => sum + part, 0);
    return Number.isFinite(difference) ? [difference] : [];
  });
  const nats = meanEstimate(differences);
  return nats === null ? null : { nats, beyond: place.beyond };
}

/** The mean of each prompt's texts. */
function natsByPrompt(texts: readonly MeasuredText[]): Map<number, number> {
  const known = texts.flatMap(({ prompt, logLikelihood }) =>
    logLikelihood === null ? [] : [{ prompt, nats: -logLikelihood }],
  );
  return new Map(
    [...new Set(known.map(({ prompt }) => prompt))].map((prompt) => [
      prompt,
      meanOf(known.filter((each) => each.prompt === prompt).map(({ nats }) => nats)),
    ]),
  );
}
