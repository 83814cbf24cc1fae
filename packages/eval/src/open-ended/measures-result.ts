/** What the jobs of `eval measures` return. */

/** One setting's texts; null is the base, "real" the real ones. */
export interface MeasuresJob {
  readonly setting: number | "real" | null;
}

export interface MeasuredText {
  readonly prompt: number;
  readonly seed: number;
  /** Nats per token of the scorer's; null without a scorer, and for an empty text. */
  readonly logLikelihood: number | null;
  /** rep-n of n = 2, 3, 4; null for texts of fewer words. */
  readonly repetition: readonly (number | null)[];
}

/** The measures of one job's texts. */
export interface MeasuresResult extends MeasuresJob {
  readonly texts: readonly MeasuredText[];
  /** distinct-n of n = 1, 2, 3. */
  readonly distinct: readonly (number | null)[];
  /** distinct-2 without each prompt's texts: [prompt, distinct-2]. */
  readonly distinctWithout: readonly (readonly [prompt: number, value: number | null])[];
  readonly distinctByType: Readonly<Record<string, readonly (number | null)[]>>;
  readonly divergence: number | null;
}
