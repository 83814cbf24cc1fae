/**
 * Open-ended text (paper, section 4): every prompt continued under every setting with every seed, each text beside the base's,
 * one token per pass, in the same job: a speed-up is a ratio of two measurements made in turns on the same machine.
 */
import { createHash } from "node:crypto";
import { checkOptions, listOf, required, whole, type OptionChecks } from "@dynamo/core/options";
import type { LoadedModel } from "@dynamo/model";
import { folderCheck, pathCheck, samplingChecks, seedsCheck } from "../arguments.js";
import { measuresTime, type Evaluation, type JsonObject } from "../evaluation.js";
import { readPrompts, sentenceCompletion, type OpenPrompt } from "./prompts.js";
import { summarizeCompletions, type CompletionsSummary } from "./summary.js";
import { settingCheck, strategyOf, writeText, type Sampling, type Setting, type WrittenText } from "./write-text.js";
import type { CompletionsJob, CompletionsResult } from "./completions-result.js";

/** Settings of open-ended text. */
export interface CompletionsSettings extends Partial<Sampling> {
  /** A model or checkpoint folder. */
  readonly model: string;
  /** A file of questions or prompts; default: the sentence-completion benchmark. */
  readonly questions?: string | undefined;
  /** Ways of writing, such as one for each ε_b of a sweep. */
  readonly settings: readonly Setting[];
  /** Default 0 to 9. */
  readonly seeds?: readonly number[] | undefined;
  /** The base is measured again beside so many of a job's texts, at most all of them. Default: all. */
  readonly timedSeeds?: number | undefined;
}

const checks: OptionChecks<CompletionsSettings> = {
  model: required(folderCheck),
  questions: pathCheck,
  settings: required(listOf(settingCheck, `a list of settings, each ${settingCheck.expected}`)),
  seeds: seedsCheck,
  timedSeeds: whole(1),
  ...samplingChecks,
};

/** Of texts written before the clock runs: the first passes of a session are slower. */
const warmUpTokens = 8;

/** Throws `invalid-argument` for options out of range, `not-found` and `invalid-file` for the questions. */
export async function completions(
  settings: CompletionsSettings,
): Promise<Evaluation<CompletionsJob, CompletionsResult, CompletionsSummary>> {
  checkOptions("completions()", settings, checks);
  const { model: folder, questions, settings: ways, seeds = firstSeeds(10) } = settings;
  const sampling: Sampling = {
    ...settings,
    maxNewTokens: settings.maxNewTokens ?? 64,
    stopAtEndOfText: settings.stopAtEndOfText ?? true,
  };
  const timedSeeds = settings.timedSeeds ?? seeds.length;
  for (const way of [undefined, ...ways]) strategyOf(way, sampling);
  const prompts = questions === undefined ? sentenceCompletion : await readPrompts(questions);
  return {
    kind: "completions",
    models: [settings.model],
    alone: measuresTime,
    settings: {
      ...(JSON.parse(JSON.stringify({ ...settings, ...sampling, seeds, timedSeeds })) as JsonObject),
      prompts: createHash("sha256").update(JSON.stringify(prompts)).digest("hex"),
    },
    *jobs() {
      for (const setting of [null, ...ways.keys()]) for (const prompt of prompts.keys()) yield { prompt, setting };
    },
    async run({ prompt, setting }, worker) {
      const model = await worker.model(folder);
      const asked = prompts[prompt] as OpenPrompt;
      const way = setting === null ? undefined : ways[setting];
      const { texts, timing } = await writeAll(model, asked, {
        way,
        seeds,
        timedSeeds,
        sampling,
        signal: worker.signal,
      });
      return { prompt, setting, texts, timing };
    },
    summarize: (results) => summarizeCompletions(results, { prompts, settings: ways }),
  };
}

/** 0, 1, 2, … */
export const firstSeeds = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

interface Writing {
  readonly way: Setting | undefined;
  readonly seeds: readonly number[];
  readonly timedSeeds: number;
  readonly sampling: Sampling;
  readonly signal: AbortSignal;
}

/** In turns: now the setting first, now the base, so that neither has the quieter half of the time. */
async function writeAll(
  model: LoadedModel,
  prompt: OpenPrompt,
  { way, seeds, timedSeeds, sampling, signal }: Writing,
): Promise<Pick<CompletionsResult, "texts" | "timing">> {
  const own = strategyOf(way, sampling);
  const base = strategyOf(undefined, sampling);
  const write = (
    strategy: typeof own,
    seed: number,
    maxNewTokens = sampling.maxNewTokens,
  ): ReturnType<typeof writeText> =>
    writeText(model, prompt, { strategy, seed, sampling: { ...sampling, maxNewTokens }, signal });
  const texts: WrittenText[] = [];
  if (way === undefined) {
    for (const seed of seeds) texts.push((await write(base, seed)).written);
    return { texts, timing: null };
  }
  for (const strategy of [own, base]) await write(strategy, 0, Math.min(warmUpTokens, sampling.maxNewTokens));
  const timing = { seconds: 0, tokens: 0, baseSeconds: 0, baseTokens: 0 };
  for (const [i, seed] of seeds.entries()) {
    const timed = i < timedSeeds;
    const before = timed && i % 2 === 1 ? await write(base, seed) : undefined;
    const { written, seconds } = await write(own, seed);
    texts.push(written);
    if (!timed) continue;
    const beside = before ?? (await write(base, seed));
    timing.seconds += seconds;
    timing.tokens += written.tokens;
    timing.baseSeconds += beside.seconds;
    timing.baseTokens += beside.written.tokens;
  }
  return { texts, timing };
}
