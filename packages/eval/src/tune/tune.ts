/** Tuning: the fastest settings of decoding whose texts lie, within a tolerance, on the base's frontier of likelihood and variety. */
import { DynamoError, type Strategy } from "@dynamo/core";
import {
  callback,
  checkOptions,
  checkValue,
  listOf,
  numberAbove,
  numberFrom,
  required,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import { dynamo, verified } from "@dynamo/decode";
import { importPlugin } from "@dynamo/decode/node";
import type { LoadedModel } from "@dynamo/model";
import { folderCheck, pathCheck, workerCheck } from "../arguments.js";
import { pluginCheck } from "../compare/compare.js";
import type { PluginSetting } from "../compare/ways.js";
import type { EvalWorker } from "../evaluation.js";
import { readPrompts, type OpenPrompt } from "../open-ended/prompts.js";
import { readBeginnings } from "../open-ended/real-texts.js";
import { createMeter, type FrontierTemperature, type MeterOptions } from "./meter.js";
import { bestFirst, mostTexts, search } from "./search.js";
import { isWithin, type Trial, type TuneSetting } from "./setting.js";
import { spaceOf } from "./space.js";
import { frontierTemperatures, temperaturesAround } from "./temperatures.js";

/** Settings of a search. */
export interface TuneSettings {
  /** A model folder. */
  readonly model: string;
  /** Documents between <|endoftext|>, or .jsonl with {"text"}: texts begin as they do. Either this or `prompts`. */
  readonly text?: string | undefined;
  /** A file of prompts, as `completions` takes it. */
  readonly prompts?: string | undefined;
  /** The frontier gap that is allowed, in nats per token. Default 0.05. */
  readonly tolerance?: number | undefined;
  /** Those that are tried. Default: the model's (0.7 where it has none, or is greedy), and 0.1 to either side. */
  readonly temperatures?: readonly number[] | undefined;
  /** Documents of `text`; a third of the prompts are searched with, the others judge what was found. Default 150. */
  readonly documents?: number | undefined;
  /** Texts of a prompt. Default 1. */
  readonly seeds?: number | undefined;
  /** Tokens of a text. Default 64. */
  readonly maxNewTokens?: number | undefined;
  /** Of the documents that are drawn, and of the settings that are tried first. Default 0. */
  readonly seed?: number | undefined;
  /**
   * A strategy of your own that is tuned in dynamo's place: a module, and what it is made from beside `temperature`, `topK`, `backoff` and
   * `maskStrength`.
   */
  readonly plugin?: Omit<PluginSetting, "strategy"> | undefined;
}

/** What a search went by, defaults included. */
export interface TuneDefaults {
  readonly tolerance: number;
  readonly temperatures: readonly number[];
  /** Those of the search, and those kept for the end. */
  readonly prompts: { readonly search: number; readonly heldOut: number };
  readonly seeds: number;
  readonly maxNewTokens: number;
  readonly seed: number;
}

/** What a search tried and found. */
export interface TuneOutcome {
  /** The last of each setting on the prompts of the search, then those on the others. */
  readonly trials: readonly Trial[];
  /** Of the base, on the prompts that the search did not see. */
  readonly frontier: readonly FrontierTemperature[];
  /** The fastest within the tolerance, on prompts that the search did not see; null where nothing is faster than one token per pass. */
  readonly chosen: Trial | null;
  /** The fastest setting of `verified`, on the same prompts. */
  readonly verified: Trial | null;
  readonly tolerance: number;
  readonly settings: TuneDefaults;
}

/** Told how far a search is. */
export interface TuneProgress {
  /** `most`: a search that ends early writes fewer. */
  readonly onTexts?: (done: number, most: number) => void;
}

const checks: OptionChecks<TuneSettings> = {
  model: required(folderCheck),
  text: pathCheck,
  prompts: pathCheck,
  tolerance: numberFrom(0),
  temperatures: listOf(numberAbove(0), "a list of temperatures above 0"),
  documents: whole(4),
  seeds: whole(1),
  maxNewTokens: whole(1),
  seed: whole(0),
  plugin: pluginCheck,
};

const progressChecks: OptionChecks<TuneProgress> = { onTexts: callback() };

/** Held against prompts that they were not chosen by, beside a safe one and the best of `verified`. */
const finalists = 3;

/** Throws `invalid-argument` for options out of range and models of one head, `not-found`, `invalid-file`, `aborted`. */
export async function tune(
  options: TuneSettings,
  worker: EvalWorker,
  progress: TuneProgress = {},
): Promise<TuneOutcome> {
  checkOptions("tune()", options, checks);
  checkValue("worker", worker, workerCheck);
  checkOptions("the progress of tune()", progress, progressChecks);
  const make = await makerOf(options.plugin);
  const model = await worker.model(options.model);
  if (model.info.tokenHeads < 2)
    throw new DynamoError(
      "invalid-argument",
      `${options.model} has one head: expected a model with token heads to tune`,
    );
  const prompts = splitPrompts(await promptsOf(options, worker.signal));
  const settings = defaultsOf(options, { model, prompts });
  const { temperatures, tolerance, seeds, seed } = settings;
  const { topK = 50 } = model.info.generation;
  const space = spaceOf(abilitiesOf(model), { temperatures, topK, plugin: options.plugin !== undefined });
  const searching = { space, tolerance, seed, prompts: prompts.search.length };
  const frontier = frontierTemperatures(temperatures);
  const all = prompts.search.length + prompts.heldOut.length;
  const most = mostTexts(searching) + (finalists + 2) * prompts.heldOut.length + frontier.length * all;
  let done = 0;
  const common: Omit<MeterOptions, "prompts" | "which"> = {
    ...{ model, make, topK, temperatures: frontier, signal: worker.signal },
    ...{ seeds: Array.from({ length: seeds }, (_, i) => i), maxNewTokens: settings.maxNewTokens },
    onWritten: () => progress.onTexts?.(++done * seeds, most * seeds),
  };
  const seen = createMeter({ ...common, prompts: prompts.search, which: "search" });
  const tried = await search(searching, seen.measure);
  const unseen = createMeter({ ...common, prompts: prompts.heldOut, which: "held-out" });
  const held = await unseen.measure(finalistsOf(tried, tolerance), prompts.heldOut.length);
  const faster = (a: Trial, b: Trial): number => b.speedup.value - a.speedup.value;
  return {
    ...{ trials: [...tried, ...held], frontier: unseen.frontier(), tolerance, settings },
    chosen: held.filter((trial) => isWithin(trial, tolerance)).sort(faster)[0] ?? null,
    verified: held.filter(({ setting }) => setting.strategy === "verified").sort(faster)[0] ?? null,
  };
}

/**
 * Those of which most is to be expected among the trials of most prompts, one of which more would be expected at half the tolerance, in case
 * that these are just outside, and the best of `verified`.
 */
function finalistsOf(tried: readonly Trial[], tolerance: number): TuneSetting[] {
  const last = tried.filter(({ count }) => count === tried[0]?.count).map(({ setting }) => setting);
  const best = last.slice(0, finalists);
  const others = last.slice(finalists).filter(({ strategy }) => strategy !== "verified");
  const safe = bestFirst(tried, others, tolerance / 2).slice(0, 1);
  const anchor = best.some(({ strategy }) => strategy === "verified")
    ? []
    : last.filter(({ strategy }) => strategy === "verified").slice(0, 1);
  return [...best, ...safe, ...anchor];
}

const abilitiesOf = ({ info, config, cooccurrence }: LoadedModel): Parameters<typeof spaceOf>[0] => ({
  tokenHeads: info.tokenHeads,
  hasParts: config.conditional !== undefined,
  hasCounts: cooccurrence !== undefined,
});

async function promptsOf(options: TuneSettings, signal: AbortSignal): Promise<readonly OpenPrompt[]> {
  const { text, prompts, documents = 150, seed = 0 } = options;
  if ((text === undefined) === (prompts === undefined))
    throw new DynamoError(
      "invalid-argument",
      `tune() needs prompts: expected either text or prompts, received ${text === undefined ? "neither" : "both"}`,
    );
  if (text !== undefined) return readBeginnings(text, { count: documents, seed, signal });
  return readPrompts(prompts as string);
}

interface SplitPrompts {
  readonly search: readonly OpenPrompt[];
  readonly heldOut: readonly OpenPrompt[];
}

/** Every third is searched with: a file may go by kinds. */
function splitPrompts(prompts: readonly OpenPrompt[]): SplitPrompts {
  if (prompts.length < 4)
    throw new DynamoError("invalid-file", `expected four prompts or more to tune with, received ${prompts.length}`);
  return {
    search: prompts.filter((_, i) => i % 3 === 0),
    heldOut: prompts.filter((_, i) => i % 3 !== 0),
  };
}

function defaultsOf(
  { tolerance = 0.05, temperatures, seeds = 1, maxNewTokens = 64, seed = 0 }: TuneSettings,
  { model, prompts }: { readonly model: LoadedModel; readonly prompts: SplitPrompts },
): TuneDefaults {
  const own = model.info.generation.temperature;
  return {
    ...{ tolerance, temperatures: temperatures ?? temperaturesAround(own), seeds, maxNewTokens, seed },
    prompts: { search: prompts.search.length, heldOut: prompts.heldOut.length },
  };
}

async function makerOf(plugin: TuneSettings["plugin"]): Promise<(setting: TuneSetting) => Strategy> {
  const builtIn = ({ strategy, ...setting }: TuneSetting): Strategy => {
    if (strategy === "dynamo") return dynamo(setting);
    const { temperature, topK, maskStrength } = setting;
    return verified({ temperature, topK, maskStrength });
  };
  if (plugin === undefined) return builtIn;
  const { make } = await importPlugin(plugin.module);
  const own = ({ temperature, topK, backoff, maskStrength }: TuneSetting): Strategy =>
    make({ temperature, topK, backoff, maskStrength, ...plugin.options });
  // Said before anything is measured.
  own({ strategy: "plugin", temperature: 0.7, topK: 50, backoff: 0.5, maskStrength: 1 });
  return (setting) => (setting.strategy === "plugin" ? own(setting) : builtIn(setting));
}
