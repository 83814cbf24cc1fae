/** What the jobs of `eval judge` return. */
import type { Game, PairOutcome } from "./verdicts.js";

/** The texts of one prompt under one setting; null is the base, for single marks. */
export interface JudgeJob {
  readonly prompt: number;
  readonly setting: number | null;
}

/** A judge's verdict on one text. */
export interface JudgedText {
  readonly seed: number;
  /** Single: 1 to 10, null when the judge gave none. */
  readonly rating?: number | null;
  /** Pairwise: the setting's text against the base's. */
  readonly outcome?: PairOutcome;
  /** None where the two texts are the same: a tie without asking. */
  readonly games?: readonly Game[];
}

/** A judge's verdicts on one job's texts. */
export interface JudgeResult extends JudgeJob {
  readonly verdicts: readonly JudgedText[];
  /** Of all calls for these verdicts, whenever they were made. */
  readonly promptTokens: number;
  readonly completionTokens: number;
}
