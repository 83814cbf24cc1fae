/** Options of the verbs that measure a model: eval perplexity, tasks, compare, ablation, architectures, report, work; tune. */
import { number, numbers, seed, wholeNumber } from "../options/numbers.js";
import { choice, flag, required, text, texts, unless, withDefault, type OptionsOf } from "../options/spec.js";
import { maxNewTokens, modelOptions, ownStrategy, queue, repetitionPenalty, temperature, topK } from "./common.js";

export const share = { least: 0, most: 1 };
const atLeastOne = { least: 1 };

export const evalOptions = {
  out: text("<file>", "results as JSON: {kind, settings, summary, run}, for `dynamo eval report`"),
  resume: text("<folder>", "folder for each job's result: the same command continues after a stop"),
  workers: wholeNumber("<n>", "processes that share the jobs; not for measurements of time (default: 1)", atLeastOne),
  queue,
  json: flag("the same on standard output"),
};

/** Of every evaluation; one without a model of its own has no place for it. */
export type EvalOptions = OptionsOf<typeof evalOptions> & Partial<OptionsOf<typeof modelOptions>>;

export const perplexityOptions = {
  ...{ ...modelOptions, ...evalOptions },
  text: text("<file>", 'documents between <|endoftext|>, or .jsonl with {"text"}'),
  tokens: text("<file>", 'JSON: {"tokens": [[ids], …]}, a document each, taken as they are'),
  window: wholeNumber("<n>", "tokens that the model sees at once (default: the model's context)", atLeastOne),
  stride: wholeNumber("<n>", "tokens from one window to the next (default: the window)", atLeastOne),
  backoff: numbers("<list>", "ε_b of walks, as 0,0.5,1 or 0:1:0.1", share),
  mask: flag("also with the co-occurrence mask in the joint"),
  topK: wholeNumber("<k>", "candidates per head, of walks and masked joints (default: the model's, or 50)", {
    ...{ least: 1, most: 1024 },
  }),
};
export type PerplexityOptions = OptionsOf<typeof perplexityOptions>;

export const tasksOptions = {
  ...{ ...modelOptions, ...evalOptions },
  list: flag("all tasks, with the form of their rows"),
  task: texts("<name=data>", "a task and its .jsonl, .csv or .json: a file, a folder, a URL (repeatable)"),
  taskFile: texts("<file>", "a task of your own as JSON, known by its name (repeatable)"),
  fewShot: withDefault(0, wholeNumber("<n>", "examples before each question", { least: 0 })),
  fewShotData: texts("<name=data>", "file of the examples (default: the task's own file)"),
  fewShotSeed: withDefault(1234, seed("of the examples that are drawn")),
  cache: text("<folder>", "folder for downloaded files (default: dynamo/data in the user's cache folder)"),
  limit: wholeNumber("<n>", "at most this many questions of each file", atLeastOne),
  // Of the tasks whose answers are written.
  strategy: choice("<name>", ["dynamo", "verified"], "writes the answers (default: head 1, one token per pass)"),
  backoff: number("<b>", "ε_b of dynamo (default: 0.5)", share),
  temperature: withDefault(0, number("<t>", "of written answers, 0 is greedy", { least: 0 })),
  repetitionPenalty: withDefault(1, number("<p>", "of written answers, 1 is none", { above: 0 })),
  maxNewTokens: maxNewTokens("largest number of tokens of a written answer", 256),
  seed: withDefault(0, seed("of written answers, where they are drawn")),
};
export type TasksOptions = OptionsOf<typeof tasksOptions>;

/** What is written, and who says how likely it is. */
const writingOptions = {
  ...{ ...modelOptions, ...evalOptions },
  questions: text("<file>", 'prompts as JSON lines of {"prompt", "type"} (default: ten sentences)'),
  scorer: text("<folder>", "model whose head 1 measures the likelihood of the texts (default: the model itself)"),
  ...{ temperature, topK, repetitionPenalty },
  maxNewTokens: maxNewTokens("largest number of tokens of a text", 64),
  seeds: withDefault(10, wholeNumber("<n>", "texts of a prompt", atLeastOne)),
  stopAtEndOfText: unless("continue after the model's end-of-text"),
};
export type WritingOptions = OptionsOf<typeof writingOptions>;

export const compareOptions = {
  ...writingOptions,
  draft: text("<folder>", "a smaller model with the same tokenizer: compares speculative sampling, too"),
  ...ownStrategy,
  drafts: numbers("<list>", "tokens that the draft model drafts per pass (default: 4)", { least: 1, most: 15 }),
  backoff: numbers("<list>", "ε_b of dynamo, as 0,0.5,1 or 0:1:0.25 (default: 0.5)", share),
};
export type CompareOptions = OptionsOf<typeof compareOptions>;

export const ablationOptions = {
  ...writingOptions,
  backoff: numbers("<list>", "ε_b of dynamo (default: 0.25,0.5,0.75)", share),
  maskStrength: numbers("<list>", "default: 1,0.5,0", share),
};
export type AblationOptions = OptionsOf<typeof ablationOptions>;

export const architecturesOptions = {
  ...writingOptions,
  backoff: withDefault(0.5, number("<b>", "ε_b of dynamo", share)),
  text: text("<file>", "for perplexities, documents between <|endoftext|>"),
  tokens: text("<file>", "the same as token ids"),
};
export type ArchitecturesOptions = OptionsOf<typeof architecturesOptions>;

export const reportOptions = {
  out: required(text("<file>", "the page, an HTML file that needs no network")),
  title: withDefault("Evaluation", text("<text>", "of the page")),
};
export type ReportOptions = OptionsOf<typeof reportOptions>;

export const tuneOptions = {
  ...{ ...modelOptions, ...ownStrategy },
  text: text("<file>", 'documents between <|endoftext|>, or .jsonl with {"text"}: texts begin as they do'),
  prompts: text("<file>", 'in its place, prompts as JSON lines of {"prompt"} or FastChat\'s questions'),
  tolerance: withDefault(0.05, number("<nats>", "the frontier gap allowed, in nats per token", { least: 0 })),
  temperatures: numbers("<list>", "that are tried (default: the model's, or 0.7, and 0.1 to either side)", {
    ...{ above: 0 },
  }),
  documents: withDefault(
    150,
    wholeNumber("<n>", "of --text; a third is for the search, the others check its result", { least: 4 }),
  ),
  seeds: withDefault(1, wholeNumber("<n>", "texts of a prompt", atLeastOne)),
  maxNewTokens: maxNewTokens("largest number of tokens of a text", 64),
  seed: withDefault(0, seed("of the documents that are drawn, and of the settings that are tried first")),
  dryRun: flag("write nothing into the folder"),
  out: text("<file>", "what was tried, as JSON"),
  json: flag("the same on standard output"),
};
export type TuneOptions = OptionsOf<typeof tuneOptions>;
