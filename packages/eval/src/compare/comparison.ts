/**
 * What the comparison of strategies, the ablation and the comparison of architectures have in common: groups of ways, each
 * group written beside its base, a job for each prompt of each group.
 */
import { createHash } from "node:crypto";
import { DynamoError } from "@dynamo/core";
import type { OptionChecks } from "@dynamo/core/options";
import { folderCheck, pathCheck, samplingChecks, seedsCheck } from "../arguments.js";
import { measuresTime, type Evaluation, type JsonObject } from "../evaluation.js";
import { hashFile } from "../hash-file.js";
import { firstSeeds } from "../open-ended/completions.js";
import { readPrompts, sentenceCompletion, type OpenPrompt } from "../open-ended/prompts.js";
import type { Sampling } from "../open-ended/write-text.js";
import { summarizeComparison, type ComparisonSummary } from "./comparison-summary.js";
import { strategyOfWay } from "./ways.js";
import { writeGroup } from "./write-group.js";
import type { Group, ComparisonJob, ComparisonResult } from "./comparison-result.js";

export interface ComparisonOptions extends Partial<Sampling> {
  /** A file of questions or prompts; default: the sentence-completion benchmark. */
  readonly questions?: string | undefined;
  /** Default 0 to 9. */
  readonly seeds?: readonly number[] | undefined;
  /** A folder whose head 1 says how likely the texts are; default: the model that wrote them. */
  readonly scorer?: string | undefined;
}

/** Of all that are comparisons. */
export const comparisonChecks: OptionChecks<ComparisonOptions> = {
  questions: pathCheck,
  seeds: seedsCheck,
  scorer: folderCheck,
  ...samplingChecks,
};

/** Throws `invalid-argument` for options out of range, `not-found` and `invalid-file` for the questions. */
export async function comparison(
  kind: string,
  groups: readonly Group[],
  options: ComparisonOptions,
): Promise<Evaluation<ComparisonJob, ComparisonResult, ComparisonSummary>> {
  const { questions, scorer, seeds = firstSeeds(10) } = options;
  const sampling: Sampling = {
    ...options,
    maxNewTokens: options.maxNewTokens ?? 64,
    stopAtEndOfText: options.stopAtEndOfText ?? true,
  };
  await check(groups, sampling);
  const prompts = questions === undefined ? sentenceCompletion : await readPrompts(questions);
  return {
    kind,
    models: groups.flatMap(({ model, draft }) => [model, draft, scorer].filter((folder) => folder !== undefined)),
    alone: measuresTime,
    settings: {
      ...(JSON.parse(JSON.stringify({ ...options, ...sampling, seeds, groups })) as JsonObject),
      prompts: createHash("sha256").update(JSON.stringify(prompts)).digest("hex"),
      ...(await hashesOf(groups)),
    },
    *jobs() {
      for (const group of groups.keys()) for (const prompt of prompts.keys()) yield { group, prompt };
    },
    async run({ group, prompt }, worker) {
      const { model, draft, ways } = groups[group] as Group;
      const own = { model, draft, ways, scorer: scorer ?? model, seeds, sampling };
      return { group, prompt, written: await writeGroup(prompts[prompt] as OpenPrompt, own, worker) };
    },
    summarize: (results) => summarizeComparison(results, groups),
  };
}

/** Of plugins, where there are any: results of another program are others. */
async function hashesOf(groups: readonly Group[]): Promise<{ readonly plugins?: JsonObject }> {
  const modules = groups.flatMap(({ ways }) => ways.flatMap((way) => (way.strategy === "plugin" ? [way.module] : [])));
  const hashes = await Promise.all(modules.map(async (module) => [module, await hashFile(module)] as const));
  return hashes.length === 0 ? {} : { plugins: Object.fromEntries(hashes) };
}

async function check(groups: readonly Group[], sampling: Sampling): Promise<void> {
  const fail = (message: string): never => {
    throw new DynamoError("invalid-argument", message);
  };
  for (const { draft, ways } of groups) {
    for (const way of ways) {
      if (way.strategy !== "speculative") await strategyOfWay(way, sampling, undefined);
      else if (draft === undefined)
        fail("speculative sampling needs a draft model: expected its folder, received none");
    }
  }
}
