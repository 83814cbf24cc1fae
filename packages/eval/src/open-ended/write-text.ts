/** One text of one strategy, with what it took. */
import { autoregressive, dynamo, generate, jointKinds, verified, type JointKind } from "@dynamo/decode";
import { finite, flag, isPlainObject, oneOf, valueCheck } from "@dynamo/core/options";
import { chatPrompt, type LoadedModel } from "@dynamo/model";
import type { Strategy } from "@dynamo/core";
import type { OpenPrompt } from "./prompts.js";

/** One way of writing; what is left out is the model's recommendation, or the paper's. */
export interface Setting {
  /** `autoregressive` is the base at a temperature of its own: a point of its frontier. */
  readonly strategy: "dynamo" | "verified" | "autoregressive";
  /** In the place of the temperature of all texts. */
  readonly temperature?: number | undefined;
  readonly backoff?: number | undefined;
  readonly maskStrength?: number | undefined;
  readonly joint?: JointKind | undefined;
  readonly adaptive?: boolean | undefined;
  readonly blur?: boolean | undefined;
}

const settingMembers = {
  ...{ temperature: finite, backoff: finite, maskStrength: finite, adaptive: flag, blur: flag },
  joint: oneOf(...jointKinds),
} as const;
const strategies = ["dynamo", "verified", "autoregressive"];

/** Numbers out of range are refused where the strategy is made. */
export const settingCheck = valueCheck<Setting>(
  'an object { strategy: "dynamo", "verified" or "autoregressive", temperature, backoff, maskStrength, joint, adaptive, blur }',
  (value) => {
    if (!isPlainObject(value)) return false;
    const { strategy, ...rest } = value as Readonly<Record<string, unknown>>;
    if (!strategies.includes(strategy as string)) return false;
    return Object.entries(rest).every(
      ([name, own]) =>
        own === undefined ||
        (Object.hasOwn(settingMembers, name) && settingMembers[name as keyof typeof settingMembers].accepts(own)),
    );
  },
);

/** Of all settings and the base alike: a speed-up compares nothing else than the strategies. */
export interface Sampling {
  readonly temperature?: number | undefined;
  readonly topK?: number | undefined;
  readonly repetitionPenalty?: number | undefined;
  readonly maxNewTokens: number;
  readonly stopAtEndOfText: boolean;
}

/** One text that was written. */
export interface WrittenText {
  readonly seed: number;
  /** Without the prompt. */
  readonly text: string;
  readonly tokens: number;
  readonly passes: number;
  /** orders[n - 1]: passes that settled at order n. */
  readonly orders: readonly number[];
  readonly finishReason: string;
}

export interface TimedText {
  readonly written: WrittenText;
  /** Wall-clock, the prompt's pass included. */
  readonly seconds: number;
}

/** `undefined` is the base: head 1, one token per pass. Throws `invalid-argument` for options out of range. */
export function strategyOf(
  setting: Setting | undefined,
  { temperature, topK, repetitionPenalty }: Omit<Sampling, "maxNewTokens" | "stopAtEndOfText">,
): Strategy {
  const sampling = { temperature: setting?.temperature ?? temperature, topK, repetitionPenalty };
  if (setting === undefined || setting.strategy === "autoregressive") return autoregressive(sampling);
  const { strategy, backoff, maskStrength, joint, adaptive, blur } = setting;
  if (strategy === "verified") return verified({ ...sampling, maskStrength });
  return dynamo({ ...sampling, backoff, maskStrength, joint, adaptive, blur });
}

export interface WriteOptions {
  readonly strategy: Strategy;
  readonly seed: number;
  readonly sampling: Sampling;
  readonly signal: AbortSignal;
}

/** One text at a time: what else runs on the machine is not this process's doing. */
export async function writeText(
  model: LoadedModel,
  prompt: OpenPrompt,
  { strategy, seed, sampling, signal }: WriteOptions,
): Promise<TimedText> {
  const { maxNewTokens, stopAtEndOfText } = sampling;
  const asked = prompt.chat
    ? chatPrompt(model, [{ role: "user", content: prompt.text }], { maxNewTokens }).tokens
    : prompt.text;
  const beginOfText = !prompt.chat;
  const result = await generate(model, asked, { strategy, seed, maxNewTokens, beginOfText, stopAtEndOfText, signal });
  const { tokens, passes, orders, seconds } = result.statistics;
  // Strategies that draft elsewhere go further than the model has heads.
  const most = Math.max(model.info.tokenHeads, ...Object.keys(orders).map(Number));
  const histogram = Array.from({ length: most }, (_, i) => orders[i + 1] ?? 0);
  const { text, finishReason } = result;
  return { written: { seed, text, tokens, passes, orders: histogram, finishReason }, seconds: seconds.total };
}
