/** What a judge's words say, as FastChat's llm_judge reads them. */
import type { Outcome } from "../statistics/win-rate.js";

/** Which of the two answers; C is a tie. */
export type PairVerdict = "A" | "B" | "C";

/** The first of [[A]], [[B]], [[C]] in this order that stands in the text, wherever it stands; undefined for none. */
export const readPairVerdict = (text: string): PairVerdict | undefined =>
  (["A", "B", "C"] as const).find((verdict) => text.includes(`[[${verdict}]]`));

/**
 * The first [[number]], else the first [number]; undefined where there is none, and where it is not on the scale from 1 to 10.
 */
export function readRating(text: string): number | undefined {
  const found = /\[\[(\d+\.?\d*)\]\]/.exec(text) ?? /\[(\d+\.?\d*)\]/.exec(text);
  const rating = Number(found?.[1] ?? NaN);
  return rating >= 1 && rating <= 10 ? rating : undefined;
}

/** One judgement of a pair: `swapped` when the base stood as A. */
export interface Game {
  readonly swapped: boolean;
  /** Null when no attempt gave a verdict. */
  readonly verdict: PairVerdict | null;
}

export type PairOutcome = Outcome | "malformed";

/** The setting's text against the base's. Two orders that disagree are a tie (MT-bench's rule); one without a verdict is malformed. */
export function outcomeOf(games: readonly Game[]): PairOutcome {
  const outcomes = games.map(gameOutcome);
  if (outcomes.includes("malformed")) return "malformed";
  const [first = "malformed"] = outcomes;
  return outcomes.every((outcome) => outcome === first) ? first : "tie";
}

function gameOutcome({ swapped, verdict }: Game): PairOutcome {
  if (verdict === null) return "malformed";
  if (verdict === "C") return "tie";
  return (verdict === "A") === swapped ? "loss" : "win";
}
