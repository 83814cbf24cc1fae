/** Win rates of pairwise verdicts: wins / losses against the base, as the paper counts them, with intervals. */
import { checkValue, listOf, oneOf } from "@dynamo/core/options";
import type { Interval } from "./intervals.js";
import { criticalT } from "./student.js";

/** How one comparison ended. */
export type Outcome = "win" | "loss" | "tie";

/** Wins, losses and ties, with their rate. */
export interface WinRate {
  readonly wins: number;
  readonly losses: number;
  readonly ties: number;
  /** wins / losses; where one of them is 0, (wins + ½) / (losses + ½). Null for no verdict but ties. */
  readonly rate: number | null;
  /** 95 %, of the rate. */
  readonly interval: Interval;
  /** (wins + ties / 2) of all: what a rate hides when most pairs are ties. Null for no verdict. */
  readonly share: number | null;
}

const promptsCheck = listOf(
  listOf(oneOf<Outcome>("win", "loss", "tie"), ""),
  'a list of each prompt\'s outcomes, "win", "loss" or "tie"',
);

/**
 * Verdicts by prompt. The interval is the delta method's on log(wins / losses): with prompts as the independent units
 * (verdicts of one prompt's seeds go together), Student's t of their number less one; and never narrower than the one of
 * independent verdicts, variance 1/wins + 1/losses, which is also the one for a single prompt or no win or no loss.
 * Swapping the sides inverts the rate and its interval.
 */
export function winRate(prompts: readonly (readonly Outcome[])[]): WinRate {
  checkValue("prompts", prompts, promptsCheck);
  const counts = prompts.map((outcomes) => ({
    wins: outcomes.filter((outcome) => outcome === "win").length,
    losses: outcomes.filter((outcome) => outcome === "loss").length,
    ties: outcomes.filter((outcome) => outcome === "tie").length,
  }));
  const total = (of: "wins" | "losses" | "ties"): number => counts.reduce((sum, each) => sum + each[of], 0);
  const [wins, losses, ties] = [total("wins"), total("losses"), total("ties")];
  const all = wins + losses + ties;
  const share = all === 0 ? null : (wins + ties / 2) / all;
  if (wins + losses === 0) return { wins, losses, ties, rate: null, interval: null, share };
  const correction = wins === 0 || losses === 0 ? 0.5 : 0;
  const [w, l] = [wins + correction, losses + correction];
  const independent = criticalNormal * Math.sqrt(1 / w + 1 / l);
  const units = counts.filter((each) => each.wins + each.losses + each.ties > 0);
  const clustered =
    correction > 0 || units.length < 2
      ? 0
      : criticalT(units.length - 1) *
        Math.sqrt(
          (units.length / (units.length - 1)) *
            units.reduce((sum, each) => sum + (each.wins / w - each.losses / l) ** 2, 0),
        );
  const half = Math.max(independent, clustered);
  const centre = Math.log(w / l);
  return { wins, losses, ties, rate: w / l, interval: [Math.exp(centre - half), Math.exp(centre + half)], share };
}

/** The standard normal's, for 95 %. */
const criticalNormal = 1.959963984540054;
