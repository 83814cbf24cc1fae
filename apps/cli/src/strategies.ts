/** The --strategy option: a built-in strategy, or a plugin file. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { DynamoError, type Strategy } from "@dynamo/core";
import { autoregressive, dynamo, speculative, verified } from "@dynamo/decode";
import { openModel } from "./open-model.js";
import type { ModelOptions, StrategyOptions } from "./schemas/common.js";

export interface OpenStrategy {
  readonly strategy: Strategy;
  close(): Promise<void>;
}

export interface DraftingOptions extends StrategyOptions, ModelOptions {
  /** A model or checkpoint folder. */
  readonly draft?: string;
  readonly drafts?: number;
}

/** As `chooseStrategy`, and speculative sampling, whose draft model stays open until it is closed. */
export async function openStrategy(
  options: DraftingOptions,
  { tokenHeads, signal }: { readonly tokenHeads: number; readonly signal: AbortSignal },
): Promise<OpenStrategy> {
  const { strategy: name, draft, drafts, temperature, topK, repetitionPenalty } = options;
  if ((name === "speculative") !== (draft !== undefined))
    throw new DynamoError("invalid-argument", "expected --strategy speculative and --draft FOLDER together");
  if (draft === undefined) {
    if (drafts !== undefined)
      throw new DynamoError("invalid-argument", "--drafts is for --strategy speculative with --draft FOLDER");
    return { strategy: await chooseStrategy(options, tokenHeads), close: () => Promise.resolve() };
  }
  // Which of the model's graphs is used says nothing about the draft model's.
  const { device, threads } = options;
  const place = { ...(device === undefined ? {} : { device }), ...(threads === undefined ? {} : { threads }) };
  const { model: draftModel, close } = await openModel(draft, place, signal);
  try {
    return { strategy: speculative({ draftModel, drafts, temperature, topK, repetitionPenalty }), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A path is an ES module whose default export (or `strategy`) is a strategy or makes one from these options. */
export async function chooseStrategy(options: StrategyOptions, tokenHeads: number): Promise<Strategy> {
  const { strategy: name = tokenHeads > 1 ? "dynamo" : "autoregressive" } = options;
  const { temperature, topK, repetitionPenalty, backoff, maskStrength } = options;
  // `--no-blur` left out is true here, but nothing that the user asked of a strategy without a blur.
  const adaptive = !options.adaptive ? false : undefined;
  const blur = !options.blur ? false : undefined;
  const rest = { temperature, topK, repetitionPenalty, backoff, maskStrength, adaptive, blur };
  if (name === "autoregressive") return autoregressive(rest);
  if (name === "dynamo") return dynamo(rest);
  if (name === "verified") return verified(rest);
  const file = resolve(name);
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new DynamoError(
      "invalid-argument",
      `strategy must be autoregressive, dynamo, verified, speculative (of generate) or the path of a module, received ${name}`,
    );
  }
  console.error(`loading the strategy ${file}: it runs as code on this machine`);
  try {
    return fromModule((await import(pathToFileURL(file).href)) as Record<string, unknown>, file, rest);
  } catch (cause) {
    if (DynamoError.is(cause)) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new DynamoError("strategy", `${file} failed while loading: ${message}`, { cause });
  }
}

function fromModule(
  module: Record<string, unknown>,
  file: string,
  options: Readonly<Record<string, unknown>>,
): Strategy {
  const exported = module["default"] ?? module["strategy"];
  const strategy: unknown =
    typeof exported === "function" ? (exported as (options: unknown) => unknown)(options) : exported;
  if (typeof (strategy as Partial<Strategy> | undefined)?.step !== "function") {
    throw new DynamoError(
      "strategy",
      `${file}: expected an export \`default\` or \`strategy\` that is { name, step } or makes one`,
    );
  }
  return strategy as Strategy;
}
