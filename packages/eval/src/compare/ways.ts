/** Ways of writing that are compared: the strategies with their settings, and what their strategy objects need. */
import { speculative } from "@dynamo/decode";
import { importPlugin } from "@dynamo/decode/node";
import type { Strategy } from "@dynamo/core";
import type { LoadedModel } from "@dynamo/model";
import type { JsonObject } from "../evaluation.js";
import { strategyOf, type Sampling, type Setting } from "../open-ended/write-text.js";

/** Speculative sampling with the comparison's draft model. */
export interface SpeculativeSetting {
  readonly strategy: "speculative";
  /** Tokens drafted per pass; default 4. */
  readonly drafts?: number | undefined;
}

/** A strategy of the user's own, from a module. */
export interface PluginSetting {
  readonly strategy: "plugin";
  /** Its file. */
  readonly module: string;
  /** What it is made from, beside the sampling of all ways. */
  readonly options?: JsonObject | undefined;
}

/** A way of decoding that is compared with the base. */
export type Way = Setting | SpeculativeSetting | PluginSetting;

/**
 * `undefined` is the base: head 1, one token per pass. Throws `invalid-argument` for options out of range, and what `importPlugin`
 * and a plugin throw.
 */
export async function strategyOfWay(
  way: Way | undefined,
  sampling: Omit<Sampling, "maxNewTokens" | "stopAtEndOfText">,
  draftModel: LoadedModel | undefined,
): Promise<Strategy> {
  if (way?.strategy === "plugin") return makePlugin(way, sampling);
  if (way?.strategy !== "speculative") return strategyOf(way, sampling);
  const { temperature, topK, repetitionPenalty } = sampling;
  // The caller has checked that there is a draft model where one is asked for.
  return speculative({
    ...{ draftModel: draftModel as LoadedModel, drafts: way.drafts, temperature, topK, repetitionPenalty },
  });
}

/** The same one each time: Node loads a module once. */
async function makePlugin(
  { module, options = {} }: PluginSetting,
  { temperature, topK, repetitionPenalty }: Omit<Sampling, "maxNewTokens" | "stopAtEndOfText">,
): Promise<Strategy> {
  const plugin = await importPlugin(module);
  return plugin.make({ temperature, topK, repetitionPenalty, ...options });
}
