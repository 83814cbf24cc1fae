/** The --strategy option: a built-in strategy, or a plugin file. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { DynamoError, type ModelInfo, type Strategy } from "@dynamo/core";
import { nearestName } from "@dynamo/core/options";
import {
  autoregressive,
  dynamo,
  recommendedStrategy,
  speculative,
  verified,
  type SamplingOptions,
} from "@dynamo/decode";
import { openModel } from "./open-model.js";
import type { ModelOptions, StrategyOptions } from "./schemas/common.js";

export interface OpenStrategy {
  readonly strategy: Strategy;
  close(): Promise<void>;
}

export interface DraftingOptions extends StrategyOptions, ModelOptions {
  /** A model or checkpoint folder. */
  readonly draft?: string;
}

/** As `chooseStrategy`, and speculative sampling, whose draft model stays open until it is closed. */
export async function openStrategy(
  options: DraftingOptions,
  { info, signal }: { readonly info: ModelInfo; readonly signal: AbortSignal },
): Promise<OpenStrategy> {
  const { strategy: name, draft, drafts } = options;
  if ((name === "speculative") !== (draft !== undefined))
    throw new DynamoError("invalid-argument", "expected --strategy speculative and --draft FOLDER together");
  if (draft === undefined) return { strategy: await chooseStrategy(options, info), close: () => Promise.resolve() };
  if (drafts === "auto")
    throw new DynamoError(
      "invalid-argument",
      "--drafts auto is for --strategy verified: expected 1 to 15 with --draft FOLDER",
    );
  // Which of the model's graphs is used says nothing about the draft model's.
  const { device, threads } = options;
  const place = { ...(device === undefined ? {} : { device }), ...(threads === undefined ? {} : { threads }) };
  const { model: draftModel, close } = await openModel(draft, place, signal);
  try {
    return { strategy: speculative({ draftModel, drafts, ...samplingOf(options) }), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * A strategy of the decoding library by its name, or a plugin by its path. Throws `invalid-argument` for a name that is neither,
 * and for options that the strategy does not have; what `importPlugin` throws.
 */
export async function chooseStrategy(options: StrategyOptions, info: ModelInfo): Promise<Strategy> {
  const own = optionsOf(options);
  const { strategy: name = recommendedStrategy(info, own) } = options;
  // Their options are checked by themselves, for callers without types.
  if (isBuiltIn(name)) return builtIn[name](own);
  if (!isFile(name)) throw new DynamoError("invalid-argument", `strategy: ${expectedText(name)}`);
  console.error(`loading the strategy ${resolve(name)}: it runs as code on this machine`);
  const { importPlugin } = await import("@dynamo/decode/node");
  return (await importPlugin(name)).make(own);
}

const builtIn = { autoregressive, dynamo, verified } as const;
const isBuiltIn = (name: string): name is keyof typeof builtIn => Object.hasOwn(builtIn, name);
const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

function expectedText(name: string): string {
  const names = [...Object.keys(builtIn), "speculative"];
  const near = nearestName(name, names);
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  return `expected ${names.join(", ")} (of generate, with --draft) or the path of a module, received ${name}${hint}`;
}

/** What every built-in strategy takes. */
function samplingOf({ temperature, topK, topP, minP, typicalP, repetitionPenalty }: StrategyOptions): SamplingOptions {
  return { temperature, topK, topP, minP, typicalP, repetitionPenalty };
}

/** Of flags and of --strategy-options, each of which may be given by one of them. */
function optionsOf(options: StrategyOptions): Readonly<Record<string, unknown>> {
  const { backoff, maskStrength, joint, sources, drafts, strategyOptions = {} } = options;
  // `--no-blur` left out is true here, but nothing that the user asked of a strategy without a blur.
  const adaptive = options.adaptive ? undefined : false;
  const blur = options.blur ? undefined : false;
  const flags = { ...samplingOf(options), backoff, maskStrength, joint, sources, drafts, adaptive, blur };
  for (const [name, value] of Object.entries(flags))
    if (value !== undefined && Object.hasOwn(strategyOptions, name))
      throw new DynamoError(
        "invalid-argument",
        `${name}: expected it as a flag or in --strategy-options, received both`,
      );
  return { ...flags, ...strategyOptions };
}
