/** Options of the verbs of open-ended text: eval completions, judge, measures. */
import { jointKinds } from "@dynamo/decode";
import { number, numbers, seed, wholeNumber } from "../options/numbers.js";
import { choice, flag, required, text, unless, withDefault, type OptionsOf } from "../options/spec.js";
import { maxNewTokens, modelOptions, repetitionPenalty, temperature, topK } from "./common.js";
import { evalOptions, share } from "./evaluation.js";

const atLeastOne = { least: 1 };

export const completionsOptions = {
  ...{ ...modelOptions, ...evalOptions },
  questions: text("<file>", 'JSON lines of FastChat\'s questions, or of {"prompt", "type"} (default: ten sentences)'),
  strategy: withDefault("dynamo", choice("<name>", ["dynamo", "verified"], "beside one token per pass")),
  backoff: numbers("<list>", "ε_b, as 0,0.5,1 or 0:1:0.02 (default: 0.5)", share),
  maskStrength: numbers("<list>", "each with every ε_b (default: the model's, or 1)", share),
  temperatures: numbers("<list>", "of the strategy, each with every ε_b (default: --temperature)", { least: 0 }),
  baseTemperatures: numbers("<list>", "one token per pass at these too: the base's frontier", { least: 0 }),
  joint: choice("<name>", jointKinds, "of dynamo (default: chain for a model with conditional parts, else counts)"),
  adaptive: unless("without Otsu's threshold"),
  blur: unless("without the blur before Otsu's threshold"),
  ...{ temperature, topK, repetitionPenalty },
  maxNewTokens: maxNewTokens("largest number of tokens of a text", 64),
  seeds: withDefault(10, wholeNumber("<n>", "texts of a prompt", atLeastOne)),
  timedSeeds: wholeNumber("<n>", "texts beside which the base is measured again (default: all)", { least: 0 }),
  stopAtEndOfText: unless("continue after the model's end-of-text"),
};
export type CompletionsOptions = OptionsOf<typeof completionsOptions>;

export const measuresOptions = {
  ...{ ...modelOptions, ...evalOptions },
  scorer: text("<folder>", "model that measures the likelihood of the texts, if possible a larger one"),
  real: text("<file>", 'real documents between <|endoftext|>, or .jsonl with {"text"}'),
  seed: withDefault(0, seed("of the real documents that are drawn")),
};
export type MeasuresOptions = OptionsOf<typeof measuresOptions>;

export const judgeOptions = {
  ...evalOptions,
  endpoint: required(text("<url>", "OpenAI-compatible, such as http://127.0.0.1:8080/v1")),
  judgeModel: required(text("<name>", "as the endpoint names it")),
  api: withDefault(
    "chat",
    choice("<name>", ["chat", "completions"], "completions: for a judge without a chat template"),
  ),
  pairwise: flag("each text against the base's (the default)"),
  single: flag("each text alone, from 1 to 10"),
  bothOrders: flag("judge every pair twice, in both orders (default: once, in an order drawn by --seed)"),
  seed: withDefault(0, seed("of the order")),
  promptFile: text("<file>", "judges' prompts in FastChat's form (default: MT-bench's pair-v2 and single-v1)"),
  promptName: text("<name>", "one of them"),
  cache: text("<file>", "file of answers: an answer in it is not asked for again"),
  maxTokens: withDefault(2048, wholeNumber("<n>", "of an answer", atLeastOne)),
  attempts: withDefault(
    3,
    wholeNumber("<n>", "how often to ask for a verdict, while verdicts are malformed", atLeastOne),
  ),
  concurrency: withDefault(4, wholeNumber("<n>", "calls at once", atLeastOne)),
  retries: withDefault(6, wholeNumber("<n>", "retries of a call that is put off (429, 503) or lost", { least: 0 })),
  maxCalls: wholeNumber("<n>", "the run ends after this many calls; with --cache the next run continues", atLeastOne),
  maxCost: number("<c>", "the run ends before it costs more, by --prices", { least: 0 }),
  prices: numbers("<prompt,completion>", "of a million tokens", { least: 0 }),
  keyVariable: text("<name>", "the environment variable with the endpoint's key (default: OPENAI_API_KEY)"),
};
export type JudgeOptions = OptionsOf<typeof judgeOptions>;
