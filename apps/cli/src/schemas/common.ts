/** Options that many verbs have. */
import { draftSourceNames, jointKinds } from "@dynamo/decode";
import { number, parseWholeNumber, wholeNumber } from "../options/numbers.js";
import {
  choice,
  choices,
  flag,
  jsonObject,
  text,
  unless,
  withDefault,
  type OptionsOf,
  type OptionSpec,
} from "../options/spec.js";

export const devices = ["auto", "cpu", "cuda", "webgpu"] as const;
export const dtypes = ["fp32", "fp16", "q8", "q4", "int8"] as const;

/** Where and how a model runs. */
export const modelOptions = {
  device: withDefault("auto", choice("<name>", devices, "where the model runs")),
  dtype: choice("<name>", dtypes, "which of the folder's graphs"),
  threads: wholeNumber("<n>", "CPU threads", { least: 1 }),
};
/** Of a place that nobody chose: every part may be left out. */
export type ModelOptions = Partial<OptionsOf<typeof modelOptions>>;

export const json = flag("one JSON object on standard output");
export const queue = flag(
  "jobs through PostgreSQL (DATABASE_URL) or an embedded database; `dynamo eval work` takes them",
);

export const temperature = number("<t>", "0 is greedy (default: the model's, or 0.7)", { least: 0 });
export const topK = wholeNumber("<k>", "candidates per head (default: the model's, or 50)", { least: 1, most: 1024 });
export const repetitionPenalty = number("<p>", "1 is none (default: the model's, or 1.1; 1 at temperature 0)", {
  above: 0,
});
export const maxNewTokens = (help: string, fallback: number): OptionSpec<number, true> =>
  withDefault(fallback, wholeNumber("<n>", help, { least: 1 }));

/** For a strategy of the user's own, and options of the others that have no flag. */
export const pluginOptions = jsonObject("<json>", "further options of the strategy, by their names in code");

/** A plugin's module beside the library's strategies. */
export const ownStrategy = {
  strategy: text("<module>", "a strategy of your own, from a module (it runs as code)"),
  strategyOptions: pluginOptions,
};

const drafts: OptionSpec<number | "auto", false> = {
  placeholder: "<n>",
  help: "verified, speculative: tokens drafted for a pass, 1 to 15, or auto (verified): as many as pay (default: one a head, or 4)",
  present: false,
  parse: (given) => (given === "auto" ? "auto" : parseWholeNumber(given, { least: 1, most: 15 })),
};

/** How a text is written. */
export const strategyOptions = {
  strategy: text("<name>", "autoregressive, dynamo, verified, or the path of a module (it runs as code)"),
  strategyOptions: pluginOptions,
  temperature,
  topK,
  topP: number("<p>", "only the likeliest tokens that together reach this (default: the model's, or 1: all)", {
    ...{ above: 0, most: 1 },
  }),
  minP: number("<p>", "only tokens at least this share as likely as the likeliest (default: the model's, or 0: all)", {
    ...{ least: 0, most: 1 },
  }),
  typicalP: number("<p>", "locally typical sampling (default: the model's, or 1: none)", { above: 0, most: 1 }),
  repetitionPenalty,
  backoff: number("<e>", "dynamo: 0 always emits all heads' tokens, 1 always one (default: the model's, or 0.5)", {
    ...{ least: 0, most: 1 },
  }),
  maskStrength: number("<a>", "co-occurrence mask from 0 (none) to 1 (default: the model's, or 1)", {
    ...{ least: 0, most: 1 },
  }),
  joint: choice(
    "<name>",
    jointKinds,
    "dynamo: the joint of the paper, of heads that know the tokens between, or no joint: token by token (default: chain with such heads, else counts)",
  ),
  sources: choices(
    "<names>",
    draftSourceNames,
    "verified: who drafts; at each place the first that has something to say (default: heads)",
  ),
  drafts,
  adaptive: unless("dynamo: without Otsu's threshold"),
  blur: unless("dynamo: without the blur before Otsu's threshold"),
};
export type StrategyOptions = OptionsOf<typeof strategyOptions>;
