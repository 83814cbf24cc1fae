/** What the jobs of `eval completions` return. */
import type { WrittenText } from "./write-text.js";

/** One prompt under one setting, or under none: the base's texts. */
export interface CompletionsJob {
  readonly prompt: number;
  readonly setting: number | null;
}

/** The texts that one job wrote. */
export interface CompletionsResult extends CompletionsJob {
  readonly texts: readonly WrittenText[];
  /** Wall-clock of both, of the texts that were written in turns; null in the base's own job. It varies from run to run. */
  readonly timing: Timing | null;
}

export interface Timing {
  readonly seconds: number;
  readonly tokens: number;
  readonly baseSeconds: number;
  readonly baseTokens: number;
}
