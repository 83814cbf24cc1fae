/** Ways of writing that are compared: the strategies with their settings, and what their strategy objects need. */
import { speculative } from "@dynamo/decode";
import type { Strategy } from "@dynamo/core";
import type { LoadedModel } from "@dynamo/model";
import { strategyOf, type Sampling, type Setting } from "../open-ended/write-text.js";

/** Speculative sampling with the comparison's draft model. */
export interface SpeculativeSetting {
  readonly strategy: "speculative";
  /** Tokens drafted a pass; default 4. */
  readonly drafts?: number | undefined;
}

export type Way = Setting | SpeculativeSetting;

/** `undefined` is the base: head 1, one token a pass. Throws `invalid-argument` for options out of range. */
export function strategyOfWay(
  way: Way | undefined,
  sampling: Omit<Sampling, "maxNewTokens" | "stopAtEndOfText">,
  draftModel: LoadedModel | undefined,
): Strategy {
  if (way?.strategy !== "speculative") return strategyOf(way, sampling);
  const { temperature, topK, repetitionPenalty } = sampling;
  // The caller has checked that there is a draft model where one is asked for.
  return speculative({
    ...{ draftModel: draftModel as LoadedModel, drafts: way.drafts, temperature, topK, repetitionPenalty },
  });
}
