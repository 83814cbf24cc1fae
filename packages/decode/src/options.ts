/** Options of the built-in strategies: their ranges, and where a value comes from when the user gave none. */
import type { GenerationDefaults } from "@dynamo/core";
import { numberAbove, numberFrom, numberIn, oneOf, whole, type OptionChecks } from "@dynamo/core/options";
import type { StepOptions } from "./dynamo-step.js";
import { jointKinds } from "./joint-kinds.js";

/** What a strategy samples from. */
export interface SamplingOptions {
  /** 0 is greedy. Default 0.7. */
  readonly temperature?: number | undefined;
  /** Candidates a head, 1 to 1,024. Default 50. */
  readonly topK?: number | undefined;
  /** Nucleus: only a head's likeliest tokens that together reach this probability, above 0 to 1. Default 1: all of them. */
  readonly topP?: number | undefined;
  /** Only tokens at least this share as likely as a head's likeliest, 0 to 1. Default 0: all of them. */
  readonly minP?: number | undefined;
  /** Locally typical sampling: only the tokens nearest to the expected information that together reach this, above 0 to 1. Default 1: all. */
  readonly typicalP?: number | undefined;
  /** Above 0; 1 is none. Default 1.1, or 1 where the temperature is 0: greedy text is the likeliest token each time. */
  readonly repetitionPenalty?: number | undefined;
}

/** More candidates would only be noise, and their n-tuples would not fit a 32-bit cell. */
export const maxTopK = 1024;

/** Drafts of a pass: as many as it has places for on the wire, the next token's included. */
export const mostDrafts = 15;

/** Of `maskStrength`, `backoff`, `minP`. */
export const share = numberIn(0, 1);

/** What each sampling option must be. A strategy of your own that samples has them among its own: `{ ...samplingChecks, least }`. */
export const samplingChecks: OptionChecks<SamplingOptions> = {
  temperature: numberFrom(0),
  topK: whole(1, maxTopK),
  topP: numberAbove(0, 1),
  minP: share,
  typicalP: numberAbove(0, 1),
  repetitionPenalty: numberAbove(0),
};

export const jointCheck = oneOf(...jointKinds);

export const tokenHeads = whole(1, 4);

/** The user's value, else the model's recommendation, else the paper's. */
export function resolve(
  options: { readonly [K in keyof StepOptions]?: StepOptions[K] | undefined },
  defaults: GenerationDefaults,
): StepOptions {
  const temperature = options.temperature ?? defaults.temperature ?? 0.7;
  const joint = options.joint ?? "counts";
  return {
    temperature,
    topP: options.topP ?? defaults.topP,
    minP: options.minP ?? defaults.minP,
    typicalP: options.typicalP ?? defaults.typicalP,
    repetitionPenalty: options.repetitionPenalty ?? defaults.repetitionPenalty ?? (temperature === 0 ? 1 : 1.1),
    backoff: options.backoff ?? defaults.backoff ?? 0.5,
    // The paper's joint rests on the mask; a joint of conditional distributions has the counts in it.
    maskStrength: options.maskStrength ?? (joint !== "counts" ? 0 : (defaults.maskStrength ?? 1)),
    joint,
    adaptive: options.adaptive ?? true,
    blur: options.blur ?? true,
  };
}
