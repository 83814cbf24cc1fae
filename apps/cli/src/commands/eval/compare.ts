/** `dynamo eval compare`: strategies side by side on one model. */
import { type ComparisonSummary } from "@dynamo/eval";
import { modelPath } from "@dynamo/stories";
import { columnsText } from "./columns.js";
import { rowOf, writingOf } from "./comparison-rows.js";
import { ownStrategyOf } from "../../own-strategy.js";
import { runSpec } from "./run-spec.js";
import type { CompareOptions } from "../../schemas/evaluation.js";

export async function evalCompare(
  model: string | undefined,
  options: CompareOptions,
  signal: AbortSignal,
): Promise<void> {
  const { draft, drafts, backoff: backoffs } = options;
  const settings = {
    ...writingOf(options),
    model: model ?? modelPath,
    draft,
    drafts,
    backoffs,
    plugin: ownStrategyOf(options),
  };
  await runSpec({ kind: "compare", options: settings }, { options, signal, unit: "prompts", print: printComparison });
}

/** A table for each group. */
export function printComparison({ groups }: ComparisonSummary): void {
  console.log(groups.map(({ rows }) => columnsText(rows.map(rowOf))).join("\n\n"));
}
