/** What a search is asked for, what it goes by, and what it says in the end. */
import { DynamoError } from "@dynamo/core";
import { callback, listOf, numberAbove, numberFrom, required, whole, type OptionChecks } from "@dynamo/core/options";
import type { LoadedModel } from "@dynamo/model";
import { folderCheck, pathCheck } from "../arguments.js";
import { pluginCheck } from "../compare/compare.js";
import type { PluginSetting } from "../compare/ways.js";
import { readPrompts, type OpenPrompt } from "../open-ended/prompts.js";
import { readBeginnings } from "../open-ended/real-texts.js";
import type { FrontierTemperature } from "./meter.js";
import type { Trial } from "./setting.js";
import { temperaturesAround } from "./temperatures.js";

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

export const settingsChecks: OptionChecks<TuneSettings> = {
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

export const progressChecks: OptionChecks<TuneProgress> = { onTexts: callback() };

/** Throws `invalid-argument` for neither or both sources, what reading them throws, and `invalid-file` for fewer than four prompts. */
export async function promptsOf(options: TuneSettings, signal: AbortSignal): Promise<readonly OpenPrompt[]> {
  const { text, prompts, documents = 150, seed = 0 } = options;
  if ((text === undefined) === (prompts === undefined))
    throw new DynamoError(
      "invalid-argument",
      `tune() needs prompts: expected either text or prompts, received ${text === undefined ? "neither" : "both"}`,
    );
  if (text !== undefined) return readBeginnings(text, { count: documents, seed, signal });
  return readPrompts(prompts as string);
}

export interface SplitPrompts {
  readonly search: readonly OpenPrompt[];
  readonly heldOut: readonly OpenPrompt[];
}

/** Every third is searched with: a file may go by kinds. */
export function splitPrompts(prompts: readonly OpenPrompt[]): SplitPrompts {
  if (prompts.length < 4)
    throw new DynamoError("invalid-file", `expected four prompts or more to tune with, received ${prompts.length}`);
  return {
    search: prompts.filter((_, i) => i % 3 === 0),
    heldOut: prompts.filter((_, i) => i % 3 !== 0),
  };
}

export function defaultsOf(
  { tolerance = 0.05, temperatures, seeds = 1, maxNewTokens = 64, seed = 0 }: TuneSettings,
  { model, prompts }: { readonly model: LoadedModel; readonly prompts: SplitPrompts },
): TuneDefaults {
  const own = model.info.generation.temperature;
  return {
    ...{ tolerance, temperatures: temperatures ?? temperaturesAround(own), seeds, maxNewTokens, seed },
    prompts: { search: prompts.search.length, heldOut: prompts.heldOut.length },
  };
}
