/** `dynamo eval architectures`: model folders side by side. */
import { DynamoError } from "@dynamo/core";
import { estimateText, percentText, type ArchitecturesSummary } from "@dynamo/eval";
import { resolve, sep } from "node:path";
import { columnsText } from "./columns.js";
import { writingOf } from "./comparison-rows.js";
import { runSpec } from "./run-spec.js";
import type { ArchitecturesOptions } from "../../schemas/evaluation.js";

export async function evalArchitectures(
  models: readonly string[],
  options: ArchitecturesOptions,
  signal: AbortSignal,
): Promise<void> {
  const { backoff, text, tokens } = options;
  if (text !== undefined && tokens !== undefined)
    throw new DynamoError("invalid-argument", "expected one of --text and --tokens, received both");
  const source = text !== undefined ? { text } : tokens !== undefined ? { tokens } : undefined;
  const settings = { ...writingOf(options), models, backoff, source };
  await runSpec({ kind: "architectures", options: settings }, { options, signal, unit: "jobs", print });
}

function print({ models }: ArchitecturesSummary): void {
  // Models of fewer heads have fewer perplexities: every row has every column.
  const names = [...new Set(models.flatMap(({ perplexity }) => Object.keys(perplexity?.ppl ?? {})))].sort(byHeads);
  const rows = models.map(
    ({ model, tokenHeads, parameters, parameterOverhead, flopsOverhead, perplexity, dynamo }) => ({
      model: shortened(model),
      heads: tokenHeads,
      parameters: `${(parameters / 1e6).toFixed(2)} M`,
      "more parameters": percentText(parameterOverhead),
      "more FLOPs per pass": percentText(flopsOverhead),
      ...Object.fromEntries(names.map((name) => [`PPL_${name}`, perplexity?.ppl[name]?.toFixed(2) ?? ""])),
      "tokens per pass": dynamo.tokensPerPass.toFixed(2),
      "speed-up (95 %)": estimateText(dynamo.speedup),
      "nats per token": estimateText(dynamo.logLikelihood),
      "to the base's": estimateText(dynamo.difference),
    }),
  );
  console.log(columnsText(rows));
}

/** Folders are often all called model: the one above tells them apart. */
const shortened = (folder: string): string => resolve(folder).split(sep).slice(-2).join("/");

/** 1, 2, 3, …, then 1:2, 1:3, … */
const byHeads = (a: string, b: string): number => a.length - b.length || a.localeCompare(b);
