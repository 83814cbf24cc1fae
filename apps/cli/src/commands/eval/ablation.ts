/** `dynamo eval ablation`: DynaMo's decoding with and without its parts. */
import { modelPath } from "@dynamo/stories";
import { printComparison } from "./compare.js";
import { writingOf } from "./comparison-rows.js";
import { runSpec } from "./run-spec.js";
import type { AblationOptions } from "../../schemas/evaluation.js";

export async function evalAblation(
  model: string | undefined,
  options: AblationOptions,
  signal: AbortSignal,
): Promise<void> {
  const { backoff: backoffs, maskStrength: maskStrengths } = options;
  const settings = { ...writingOf(options), model: model ?? modelPath, backoffs, maskStrengths };
  await runSpec({ kind: "ablation", options: settings }, { options, signal, unit: "prompts", print: printComparison });
}
