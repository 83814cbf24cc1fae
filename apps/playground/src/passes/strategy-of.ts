/** The strategy that the settings describe. */
import type { Strategy } from "@dynamo/core";
import { autoregressive, dynamo, verified } from "@dynamo/decode";
import type { Settings } from "../settings/settings.js";

export type StrategySettings = Pick<
  Settings,
  "strategy" | "backoff" | "maskStrength" | "adaptive" | "blur" | "temperature" | "topK" | "penalty"
>;

/** `plugin` is the visitor's own; without one DynaMo stands in. */
export function strategyOf(settings: StrategySettings, plugin: Strategy | undefined): Strategy {
  const { backoff, maskStrength, adaptive, blur, temperature, topK, penalty: repetitionPenalty } = settings;
  const sampling = { temperature, topK, repetitionPenalty };
  switch (settings.strategy) {
    case "autoregressive":
      return autoregressive(sampling);
    case "verified":
      return verified({ ...sampling, maskStrength });
    case "plugin":
      return plugin ?? dynamo({ ...sampling, backoff, maskStrength, adaptive, blur });
    case "dynamo":
      return dynamo({ ...sampling, backoff, maskStrength, adaptive, blur });
  }
}
