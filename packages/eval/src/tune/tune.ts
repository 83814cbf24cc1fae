/** Tuning: the settings of DynaMo's decoding that are fastest on a model and a text, at no loss beyond what is allowed. */
import { DynamoError, type Strategy } from "@dynamo/core";
import { callback, checkOptions, checkValue, numberIn, required, whole, type OptionChecks } from "@dynamo/core/options";
import { dynamo } from "@dynamo/decode";
import { importPlugin } from "@dynamo/decode/node";
import { folderCheck, pathCheck, workerCheck } from "../arguments.js";
import { pluginCheck } from "../compare/compare.js";
import type { PluginSetting } from "../compare/ways.js";
import type { EvalWorker } from "../evaluation.js";
import { readRealTexts } from "../open-ended/real-texts.js";
import {
  bestOf,
  fastestWithin,
  isWithin,
  mostFinalists,
  stages,
  untried,
  type Trial,
  type TuneSetting,
} from "./choose.js";
import { measureTrial } from "./measure-trial.js";

/** Settings of a search. */
export interface TuneSettings {
  /** A model folder. */
  readonly model: string;
  /** Documents between <|endoftext|>, or .jsonl with {"text"}: texts begin as they do. */
  readonly text: string;
  /** The loss that is allowed, as a share of the base's perplexity and of its variety. Default 0.05. */
  readonly tolerance?: number | undefined;
  /** Half of them are searched with, the others judge what was found. Default 24. */
  readonly documents?: number | undefined;
  /** Texts of a prompt. Default 3. */
  readonly seeds?: number | undefined;
  /** Tokens of a text. Default 64. */
  readonly maxNewTokens?: number | undefined;
  /** Of the documents that are drawn. Default 0. */
  readonly seed?: number | undefined;
  /**
   * A strategy of your own that is tuned in dynamo's place: a module, and what it is made from beside `backoff`, `maskStrength` and
   * `topK`.
   */
  readonly plugin?: Omit<PluginSetting, "strategy"> | undefined;
}

/** All of them, with their defaults. */
export type TuneDefaults = Readonly<Record<Exclude<keyof TuneSettings, "model" | "text" | "plugin">, number>>;

/** What a search tried and chose. */
export interface TuneOutcome {
  /** What was tried, in order. */
  readonly trials: readonly Trial[];
  /** On prompts that the search did not see; null where nothing faster than one token per pass is within the tolerance. */
  readonly chosen: Trial | null;
  readonly tolerance: number;
  readonly settings: TuneDefaults;
}

/** Told how far a search is. */
export interface TuneProgress {
  readonly onTrial?: (trial: Trial) => void;
}

const checks: OptionChecks<TuneSettings> = {
  model: required(folderCheck),
  text: required(pathCheck),
  tolerance: numberIn(0, 1),
  documents: whole(4),
  seeds: whole(1),
  maxNewTokens: whole(1),
  seed: whole(0),
  plugin: pluginCheck,
};

const progressChecks: OptionChecks<TuneProgress> = { onTrial: callback() };

/** Words of a document that a text has to be able to follow. */
const leastWords = 8;

/** Throws `invalid-argument` for options out of range and models of one head, `not-found`, `invalid-file`, `aborted`. */
export async function tune(
  options: TuneSettings,
  worker: EvalWorker,
  progress: TuneProgress = {},
): Promise<TuneOutcome> {
  checkOptions("tune()", options, checks);
  checkValue("worker", worker, workerCheck);
  checkOptions("the progress of tune()", progress, progressChecks);
  const { onTrial } = progress;
  const { model: folder, text, tolerance = 0.05, documents = 24, seeds = 3, maxNewTokens = 64, seed = 0 } = options;
  const make = await makerOf(options.plugin);
  const settings = { tolerance, documents, seeds, maxNewTokens, seed };
  const model = await worker.model(folder);
  if (model.info.tokenHeads < 2)
    throw new DynamoError("invalid-argument", `${folder} has one head: expected a model with token heads to tune`);
  const drawn = await readRealTexts(text, { count: documents, words: leastWords, seed, signal: worker.signal });
  const contexts = drawn.map(({ context }) => context);
  const half = Math.ceil(contexts.length / 2);
  const trials: Trial[] = [];
  const measure = async (setting: TuneSetting, prompts: Trial["prompts"]): Promise<Trial> => {
    const trial = await measureTrial(model, setting, {
      contexts: prompts === "search" ? contexts.slice(0, half) : contexts.slice(half),
      seeds: Array.from({ length: seeds }, (_, i) => i),
      ...{ maxNewTokens, prompts, make, signal: worker.signal },
    });
    trials.push(trial);
    onTrial?.(trial);
    return trial;
  };
  const { backoff = 0.5, maskStrength = 1, topK = 50 } = model.info.generation;
  const start = { backoff, maskStrength, topK };
  for (const stage of stages)
    for (const setting of untried(stage(bestOf(trials, tolerance)?.setting ?? start), trials))
      await measure(setting, "search");
  const finalists = fastestWithin(trials, tolerance).slice(0, mostFinalists);
  for (const { setting } of finalists) {
    const trial = await measure(setting, "held-out");
    if (isWithin(trial, tolerance)) return { trials, chosen: trial, tolerance, settings };
  }
  return { trials, chosen: null, tolerance, settings };
}

async function makerOf(plugin: TuneSettings["plugin"]): Promise<(setting: TuneSetting) => Strategy> {
  if (plugin === undefined) return dynamo;
  const own = await importPlugin(plugin.module);
  const maker = (setting: TuneSetting): Strategy => own.make({ ...setting, ...plugin.options });
  // Said before anything is measured.
  maker({ backoff: 0.5, maskStrength: 1, topK: 50 });
  return maker;
}
