/** `dynamo eval …` and `dynamo tune`: how well a model writes, and how fast. */
import type { Command } from "commander";
import { addVerb } from "../options/verb.js";
import { modelOptions } from "../schemas/common.js";
import * as schemas from "../schemas/evaluation.js";
import { completionsOptions, judgeOptions, measuresOptions } from "../schemas/open-ended.js";

const ownModel = ["a model or checkpoint folder (default: the embedded model)"];
const completionsFile = ["of `dynamo eval completions`"];

export function addEvaluationVerbs(program: Command, signal: AbortSignal): void {
  addVerb(program, {
    name: "tune",
    description:
      "the fastest settings of a model within a tolerance of the base's quality, written into its generation_config.json",
    arguments: ["<model>"],
    argumentHelp: ["a model folder"],
    options: schemas.tuneOptions,
    run: async ([model], options) => (await import("../commands/tune.js")).tuneModel(model, options, signal),
  });
  const group = program.command("eval").description("how well a model writes, and how fast");
  addScores(group, signal);
  addOpenEnded(group, signal);
  addComparisons(group, signal);
  addRuns(group, signal);
}

/** Against texts and questions whose right answers are known. */
function addScores(group: Command, signal: AbortSignal): void {
  addVerb(group, {
    name: "perplexity",
    description: "PPL_n and PPL_1:n of a text for every head, and PPL_d of walks through it",
    arguments: ["[model]"],
    argumentHelp: ownModel,
    options: schemas.perplexityOptions,
    run: async ([model], options) =>
      (await import("../commands/eval/perplexity.js")).evalPerplexity(model, options, signal),
  });
  addVerb(group, {
    name: "tasks",
    description: "published question sets, as lm-evaluation-harness scores",
    arguments: ["[model]"],
    argumentHelp: ownModel,
    options: schemas.tasksOptions,
    run: async ([model], options) => (await import("../commands/eval/tasks.js")).evalTasks(model, options, signal),
  });
}

function addOpenEnded(group: Command, signal: AbortSignal): void {
  addVerb(group, {
    name: "completions",
    description: "open-ended text under many settings, beside the base's",
    arguments: ["[model]"],
    argumentHelp: ownModel,
    options: completionsOptions,
    run: async ([model], options) =>
      (await import("../commands/eval/completions.js")).evalCompletions(model, options, signal),
  });
  addVerb(group, {
    name: "judge",
    description: "texts judged by a language model behind an endpoint",
    arguments: ["<results>"],
    argumentHelp: completionsFile,
    options: judgeOptions,
    run: async ([results], options) => (await import("../commands/eval/judge.js")).evalJudge(results, options, signal),
  });
  addVerb(group, {
    name: "measures",
    description: "texts measured without a judge",
    arguments: ["<results>"],
    argumentHelp: completionsFile,
    options: measuresOptions,
    run: async ([results], options) =>
      (await import("../commands/eval/measures.js")).evalMeasures(results, options, signal),
  });
}

function addComparisons(group: Command, signal: AbortSignal): void {
  addVerb(group, {
    name: "compare",
    description: "strategies side by side: overhead, tokens per pass, speed-up, likelihood of the texts",
    arguments: ["[model]"],
    argumentHelp: ownModel,
    options: schemas.compareOptions,
    run: async ([model], options) => (await import("../commands/eval/compare.js")).evalCompare(model, options, signal),
  });
  addVerb(group, {
    name: "ablation",
    description: "what the mask, Otsu's threshold and the blur gain",
    arguments: ["[model]"],
    argumentHelp: ownModel,
    options: schemas.ablationOptions,
    run: async ([model], options) =>
      (await import("../commands/eval/ablation.js")).evalAblation(model, options, signal),
  });
  addVerb(group, {
    name: "architectures",
    description: "models side by side: parameters, overhead, perplexities, speed-up over each one's head 1",
    arguments: ["<models...>"],
    argumentHelp: ["model folders"],
    options: schemas.architecturesOptions,
    run: async ([models], options) =>
      (await import("../commands/eval/architectures.js")).evalArchitectures(models, options, signal),
  });
}

/** What other runs left, and what other runs need. */
function addRuns(group: Command, signal: AbortSignal): void {
  addVerb(group, {
    name: "report",
    description: "results as one page: figures, tables, and the commands that measure them again",
    arguments: ["<results...>"],
    argumentHelp: ["files that the other verbs wrote with --out"],
    options: schemas.reportOptions,
    run: async ([files], options) => (await import("../commands/eval/report.js")).evalReport(files, options),
  });
  addVerb(group, {
    name: "work",
    description: "run jobs of verbs with --queue, from the PostgreSQL of DATABASE_URL, until it is stopped",
    options: modelOptions,
    run: async (_, options) => (await import("../commands/eval/work.js")).evalWork(options, signal),
  });
  addVerb(group, {
    // What `--workers` starts; nothing for people.
    name: "job-process",
    description: "runs jobs for `--workers`",
    hidden: true,
    run: async () => (await import("../commands/eval/job-process.js")).jobProcess(signal),
  });
}
