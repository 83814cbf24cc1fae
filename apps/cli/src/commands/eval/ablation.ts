/** `dynamo eval ablation`: DynaMo's decoding with and without its parts. */
import { modelPath } from "@dynamo/stories";
import { printComparison } from "./compare.js";
import { writingOf, type WritingOptions } from "./comparison-rows.js";
import { runSpec } from "./run-spec.js";

export interface AblationOptions extends WritingOptions {
  readonly backoff?: readonly number[];
  readonly maskStrength?: readonly number[];
}

export async function evalAblation(
  model: string | undefined,
  options: AblationOptions,
  signal: AbortSignal,
): Promise<void> {
  const { backoff: backoffs, maskStrength: maskStrengths } = options;
  const settings = { ...writingOf(options), model: model ?? modelPath, backoffs, maskStrengths };
  await runSpec({ kind: "ablation", options: settings }, { options, signal, unit: "prompts", print: printComparison });
}
