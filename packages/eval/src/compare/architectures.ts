/**
 * The comparison of architectures (the paper's Table 10) over several model folders: what the heads add, how well each
 * predicts, and the speed-up of DynaMo's decoding over the same folder's head 1.
 */
import { checkOptions, numberIn, required, valueCheck, type OptionChecks } from "@dynamo/core/options";
import { inspectModel } from "@dynamo/model";
import { folderCheck } from "../arguments.js";
import type { Evaluation, EvalWorker, JsonObject } from "../evaluation.js";
import { passFlops, readModelGraph } from "../flops/flops.js";
import { perplexity, sourceCheck } from "../perplexity/perplexity.js";
import type { PerplexityJob, PerplexityResult } from "../perplexity/result.js";
import type { PerplexitySummary } from "../perplexity/summary.js";
import type { TokenSource } from "../perplexity/token-file.js";
import { comparison, comparisonChecks, type ComparisonOptions } from "./comparison.js";
import type { ComparisonJob, ComparisonResult } from "./comparison-result.js";
import type { ComparisonRow } from "./comparison-summary.js";

/** Settings of a comparison of models with different heads. */
export interface ArchitecturesSettings extends ComparisonOptions {
  /** Model folders, at least one. */
  readonly models: readonly string[];
  /** ε_b; default 0.5. */
  readonly backoff?: number | undefined;
  /** A text for the perplexities; none are measured without. Models of other tokenizers cannot be compared by them. */
  readonly source?: TokenSource | undefined;
}

/** What is in one model folder. */
export interface Architecture {
  readonly model: string;
  readonly tokenHeads: number;
  /** Embeddings included. */
  readonly parameters: number;
  /** Of heads 2..N over the base's parameters. */
  readonly parameterOverhead: number;
  /** Of a pass of one position with all heads over one with head 1 alone, 128 positions in the cache; from the graph. */
  readonly flopsOverhead: number;
}

export type ArchitecturesJob =
  | { readonly kind: "architecture"; readonly model: number }
  | { readonly kind: "perplexity"; readonly model: number; readonly job: PerplexityJob }
  | { readonly kind: "writing"; readonly job: ComparisonJob };

export type ArchitecturesResult =
  | { readonly kind: "architecture"; readonly result: Architecture }
  | { readonly kind: "perplexity"; readonly model: number; readonly result: PerplexityResult }
  | { readonly kind: "writing"; readonly result: ComparisonResult };

/** Models with different heads, side by side. */
export interface ArchitecturesSummary {
  readonly models: readonly (Architecture & {
    /** Null without a text. */
    readonly perplexity: PerplexitySummary | null;
    readonly base: ComparisonRow;
    readonly dynamo: ComparisonRow;
  })[];
}

const checks: OptionChecks<ArchitecturesSettings> = {
  models: required(
    valueCheck<readonly string[]>(
      "a list of model folders, at least one",
      (value) => Array.isArray(value) && value.length > 0 && Array.from(value).every(folderCheck.accepts),
    ),
  ),
  backoff: numberIn(0, 1),
  source: sourceCheck,
  ...comparisonChecks,
};

/** Positions in the cache of the pass whose overhead is told. */
const past = 128;

/** Throws `invalid-argument` for no models and options out of range, `not-found` and `invalid-file` for files. */
export async function architectures(
  settings: ArchitecturesSettings,
): Promise<Evaluation<ArchitecturesJob, ArchitecturesResult, ArchitecturesSummary>> {
  checkOptions("architectures()", settings, checks);
  const { models, backoff = 0.5, source, ...options } = settings;
  const ways = [{ strategy: "dynamo" as const, backoff }];
  const writing = await comparison(
    "architectures",
    models.map((model) => ({ model, ways })),
    options,
  );
  const texts = source === undefined ? [] : await Promise.all(models.map((model) => perplexity({ model, source })));
  return {
    // The models and the scorer that are written with, and why it runs alone.
    ...writing,
    kind: "architectures",
    settings: { ...writing.settings, perplexity: texts.map((each): JsonObject => each.settings) },
    async *jobs(worker) {
      for (const model of models.keys()) yield { kind: "architecture", model };
      for (const [model, text] of texts.entries())
        for await (const job of text.jobs(worker)) yield { kind: "perplexity", model, job };
      for await (const job of writing.jobs(worker)) yield { kind: "writing", job };
    },
    async run(job, worker) {
      if (job.kind === "architecture")
        return { kind: job.kind, result: await architectureOf(models[job.model] ?? "", worker) };
      if (job.kind === "writing") return { kind: job.kind, result: await writing.run(job.job, worker) };
      const text = texts[job.model] as (typeof texts)[number];
      return { kind: job.kind, model: job.model, result: await text.run(job.job, worker) };
    },
    summarize: (results) => summarize(results, models.length, { texts, writing }),
  };
}

async function architectureOf(folder: string, worker: EvalWorker): Promise<Architecture> {
  const [{ config, parameters }, { dtype }] = [await inspectModel(folder), await worker.model(folder)];
  const graph = await readModelGraph(folder, dtype);
  const flops = (allHeads: boolean): number => passFlops(graph, { newPositions: 1, past, allHeads });
  return {
    model: folder,
    tokenHeads: config.tokenHeads,
    parameters: parameters.withTokenHeads,
    parameterOverhead: parameters.withTokenHeads / parameters.base - 1,
    flopsOverhead: flops(true) / flops(false) - 1,
  };
}

interface Parts {
  readonly texts: readonly Awaited<ReturnType<typeof perplexity>>[];
  readonly writing: Awaited<ReturnType<typeof comparison>>;
}

async function summarize(
  results: AsyncIterable<ArchitecturesResult>,
  count: number,
  { texts, writing }: Parts,
): Promise<ArchitecturesSummary> {
  const found: Architecture[] = [];
  const windows = Array.from({ length: count }, () => [] as PerplexityResult[]);
  const written: ComparisonResult[] = [];
  for await (const each of results) {
    if (each.kind === "architecture") found.push(each.result);
    else if (each.kind === "perplexity") windows[each.model]?.push(each.result);
    else written.push(each.result);
  }
  const { groups } = await writing.summarize(eachOf(written));
  const models: ArchitecturesSummary["models"][number][] = [];
  for (const [i, architecture] of found.entries()) {
    const [base, dynamo] = groups[i]?.rows ?? [];
    if (base === undefined || dynamo === undefined) continue;
    const perplexities = (await texts[i]?.summarize(eachOf(windows[i] ?? []))) ?? null;
    models.push({ ...architecture, perplexity: perplexities, base, dynamo });
  }
  return { models };
}

async function* eachOf<Result>(results: readonly Result[]): AsyncGenerator<Result> {
  for (const result of results) yield await Promise.resolve(result);
}
