/** `--strategy module` and `--strategy-options json` of the verbs that measure. */
import { resolve } from "node:path";
import { DynamoError } from "@dynamo/core";
import type { JsonObject, PluginSetting } from "@dynamo/eval";

export interface OwnStrategyFlags {
  readonly strategy?: string;
  readonly strategyOptions?: Readonly<Record<string, unknown>>;
}

/** Throws `invalid-argument` for options without a module. */
export function ownStrategyOf({
  strategy,
  strategyOptions,
}: OwnStrategyFlags): Omit<PluginSetting, "strategy"> | undefined {
  if (strategy === undefined) {
    if (strategyOptions === undefined) return undefined;
    throw new DynamoError("invalid-argument", "--strategy-options: expected --strategy MODULE with it, received none");
  }
  const module = resolve(strategy);
  console.error(`loading the strategy ${module}: it runs as code on this machine`);
  // It was read from JSON.
  return { module, ...(strategyOptions === undefined ? {} : { options: strategyOptions as JsonObject }) };
}
