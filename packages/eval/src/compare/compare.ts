/** The comparison of strategies (the paper's Table 4): overhead, tokens per pass, wall-clock speed-up, quality. */
import type { Evaluation } from "../evaluation.js";
import { comparison, comparisonChecks, type ComparisonOptions } from "./comparison.js";
import { checkOptions, listOf, members, required, whole, type OptionChecks } from "@dynamo/core/options";
import { folderCheck, jsonObject, pathCheck, sharesCheck } from "../arguments.js";
import type { ComparisonJob, ComparisonResult } from "./comparison-result.js";
import type { ComparisonSummary } from "./comparison-summary.js";
import type { PluginSetting, Way } from "./ways.js";

/** Settings of a comparison of strategies. */
export interface CompareSettings extends ComparisonOptions {
  /** A model or checkpoint folder. */
  readonly model: string;
  /** A smaller model's folder with the same tokenizer: speculative sampling is in the comparison then. */
  readonly draft?: string | undefined;
  /** Tokens that it drafts per pass; default 4. */
  readonly drafts?: readonly number[] | undefined;
  /** ε_b of DynaMo's own decoding; default 0.5. */
  readonly backoffs?: readonly number[] | undefined;
  /** A strategy of your own: a module, and what it is made from beside the sampling of all. */
  readonly plugin?: Omit<PluginSetting, "strategy"> | undefined;
}

/** A plugin's module, and what it is made from. */
export const pluginCheck = members<Omit<PluginSetting, "strategy">>({
  module: required(pathCheck),
  options: jsonObject,
});

const checks: OptionChecks<CompareSettings> = {
  model: required(folderCheck),
  draft: folderCheck,
  drafts: listOf(whole(1), "a list of whole numbers of at least 1"),
  backoffs: sharesCheck("ε_b"),
  plugin: pluginCheck,
  ...comparisonChecks,
};

/** The base, dynamo at each ε_b, verified, speculative with a draft model, and a plugin. Throws `invalid-argument`, what a plugin throws. */
export async function compare(
  settings: CompareSettings,
): Promise<Evaluation<ComparisonJob, ComparisonResult, ComparisonSummary>> {
  checkOptions("compare()", settings, checks);
  const { model, draft, drafts = [4], backoffs = [0.5], plugin, ...options } = settings;
  const ways: Way[] = [
    ...backoffs.map((backoff) => ({ strategy: "dynamo" as const, backoff })),
    { strategy: "verified" },
    ...(draft === undefined ? [] : drafts.map((each) => ({ strategy: "speculative" as const, drafts: each }))),
    ...(plugin === undefined ? [] : [{ ...plugin, strategy: "plugin" as const }]),
  ];
  return comparison("compare", [{ model, draft, ways }], options);
}
