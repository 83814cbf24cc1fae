/** The strategy that the settings describe, and what they change in the logits whatever the strategy is. */
import type { Strategy } from "@dynamo/core";
import { autoregressive, dynamo, verified, type AdjustmentOptions, type DynamoOptions } from "@dynamo/decode";
import type { OwnStrategy } from "../settings/plugin.js";
import { initialSettings, type AdvancedSettings, type Settings } from "../settings/settings.js";

export type StrategySettings = AdvancedSettings &
  Pick<
    Settings,
    "strategy" | "joint" | "backoff" | "maskStrength" | "adaptive" | "blur" | "temperature" | "topK" | "penalty"
  >;

type Sampling = Pick<AdvancedSettings, "topP" | "minP" | "typicalP"> & {
  readonly temperature: number;
  readonly topK: number;
  readonly repetitionPenalty: number;
};

/** The sampling options that every strategy of the library has. */
export function samplingOf(settings: Omit<StrategySettings, "strategy">): Sampling {
  const { temperature, topK, topP, minP, typicalP, penalty: repetitionPenalty } = settings;
  return { temperature, topK, topP, minP, typicalP, repetitionPenalty };
}

/** Options of generate(). */
export function adjustmentsOf({
  presencePenalty,
  frequencyPenalty,
  logitBias,
}: AdvancedSettings): Pick<AdjustmentOptions, "presencePenalty" | "frequencyPenalty" | "logitBias"> {
  return { presencePenalty, frequencyPenalty, logitBias };
}

type DynamoSettings = Pick<Settings, "joint" | "backoff" | "maskStrength" | "adaptive" | "blur">;

/** What the settings say of dynamo's step; undefined is left to the model. */
export function dynamoOptionsOf({
  joint: chosen,
  maskStrength,
  ...others
}: DynamoSettings): Pick<DynamoOptions, keyof DynamoSettings> {
  const joint = chosen === "auto" ? undefined : chosen;
  // The learned joint has in it what the mask says.
  return { joint, maskStrength: joint === "learned" ? undefined : maskStrength, ...others };
}

/** `plugin` is the visitor's own; without one DynaMo stands in. Throws what the plugin throws. */
export function strategyOf(settings: StrategySettings, plugin: OwnStrategy | undefined): Strategy {
  const { joint, backoff, maskStrength, adaptive, blur } = settings;
  const sampling = samplingOf(settings);
  const own = { ...sampling, ...dynamoOptionsOf({ joint, backoff, maskStrength, adaptive, blur }) };
  switch (settings.strategy) {
    case "autoregressive":
      return autoregressive(sampling);
    case "verified":
      return verified({ ...sampling, maskStrength: own.maskStrength });
    case "plugin":
      return plugin === undefined ? dynamo(own) : plugin.make(changed(own));
    case "dynamo":
      return dynamo(own);
  }
}

/** A plugin has defaults of its own: it is given what the visitor changed, as from a command line's flags. */
function changed(options: ReturnType<typeof samplingOf> & object): Readonly<Record<string, unknown>> {
  const { backoff, maskStrength, adaptive, blur } = initialSettings;
  const initial: Readonly<Record<string, unknown>> = {
    ...samplingOf(initialSettings),
    ...{ backoff, maskStrength, adaptive, blur },
  };
  return Object.fromEntries(Object.entries(options).filter(([name, value]) => value !== initial[name]));
}
