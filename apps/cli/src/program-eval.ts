/** `dynamo eval …`: how well a model writes, and how fast. */
import type { Command } from "commander";
import { addComparisonVerbs } from "./program-eval-compare.js";
import { addOpenEndedVerbs, type OptionAdders } from "./program-eval-open.js";

/** `model` adds the options that say where a model runs. */
export function addEvaluationVerbs(program: Command, signal: AbortSignal, model: OptionAdders["model"]): void {
  const group = program.command("eval").description("how well a model writes, and how fast");
  const common: OptionAdders["common"] = (command) =>
    command
      .option("--out <file>", "results as JSON: {kind, settings, summary}")
      .option("--resume <folder>", "keeps each job's result there: the same command again goes on where it was stopped")
      .option("--json", "the same on standard output", false);
  addOpenEndedVerbs(group, signal, { common, model });
  addComparisonVerbs(group, signal, { common, model });
}
