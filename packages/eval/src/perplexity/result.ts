/** What a perplexity evaluation is asked and what its jobs return. */
import type { TokenSource } from "./token-file.js";
import type { HeadSums, MaskSums, WalkSums } from "./window-sums.js";

/** Settings of a perplexity. */
export interface PerplexitySettings {
  /** A model or checkpoint folder. */
  readonly model: string;
  readonly source: TokenSource;
  /** Tokens a window; default: the model's context. */
  readonly window?: number | undefined;
  /** Tokens from one window to the next; default: the window, less would give more context and cost more. */
  readonly stride?: number | undefined;
  /** ε_b of the walks that PPL_d is of; default none. */
  readonly backoffs?: readonly number[] | undefined;
  /** Also the masked joint's; default false. */
  readonly mask?: boolean | undefined;
  /** Candidates a head, for walks and masked joints; default: the model's, or 50. */
  readonly topK?: number | undefined;
}

/** Windows from..to-1. */
export interface PerplexityJob {
  readonly from: number;
  readonly to: number;
}

export interface WindowResult {
  readonly heads: HeadSums;
  readonly mask?: MaskSums;
  /** One for each ε_b. */
  readonly walks?: readonly WalkSums[];
}

/** The windows that one job measured. */
export interface PerplexityResult {
  readonly windows: readonly WindowResult[];
}
