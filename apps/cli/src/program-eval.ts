/** `dynamo eval …` and `dynamo tune`: how well a model writes, and how fast. */
import type { Command } from "commander";
import { number, numbers, seed, wholeNumber } from "./numbers.js";
import { addComparisonVerbs } from "./program-eval-compare.js";
import { addOpenEndedVerbs, type OptionAdders } from "./program-eval-open.js";
import { addTasks } from "./program-eval-tasks.js";

/** `model` adds the options that say where a model runs. */
export function addEvaluationVerbs(program: Command, signal: AbortSignal, model: OptionAdders["model"]): void {
  addTune(model(program.command("tune")), signal);
  const group = program.command("eval").description("how well a model writes, and how fast");
  const common: OptionAdders["common"] = (command) =>
    command
      .option("--out <file>", "results as JSON: {kind, settings, summary, run}, for `dynamo eval report`")
      .option("--resume <folder>", "keeps each job's result there: the same command again goes on where it was stopped")
      .option("--workers <n>", "processes that share the jobs; not where time is measured (default: 1)", wholeNumber)
      .option(
        "--queue",
        "jobs through PostgreSQL (DATABASE_URL) or an embedded database; `eval work` takes them",
        false,
      )
      .option("--json", "the same on standard output", false);
  addPerplexity(common(model(group.command("perplexity"))), signal);
  addTasks(group, signal, { common, model });
  addOpenEndedVerbs(group, signal, { common, model });
  addComparisonVerbs(group, signal, { common, model });
  addReport(group);
  addWork(model(group.command("work")), signal);
  addJobProcess(group, signal);
}

function addTune(command: Command, signal: AbortSignal): void {
  command
    .description(
      "the fastest settings of a model that lose nothing beyond a tolerance, written into its generation_config.json",
    )
    .argument("<model>", "a model folder")
    .requiredOption("--text <file>", 'documents between <|endoftext|>, or .jsonl with {"text"}: texts begin as they do')
    .option("--tolerance <share>", "the loss allowed, of perplexity and of variety (distinct-2)", number, 0.05)
    .option("--documents <n>", "half are searched with, the others judge what was found", wholeNumber, 24)
    .option("--seeds <n>", "texts of a prompt", wholeNumber, 3)
    .option("--max-new-tokens <n>", "how long a text may get", wholeNumber, 64)
    .option("--seed <n>", "of the documents that are drawn", seed, 0)
    .option("--dry-run", "write nothing into the folder", false)
    .option("--out <file>", "what was tried, as JSON")
    .option("--json", "the same on standard output", false)
    .action(async (folder: string, options) =>
      (await import("./commands/tune.js")).tuneModel(folder, options as never, signal),
    );
}

function addWork(command: Command, signal: AbortSignal): void {
  command
    .description("run jobs of evaluations with --queue, from the PostgreSQL of DATABASE_URL, until it is stopped")
    .action(async (options) => (await import("./commands/eval/work.js")).evalWork(options as never, signal));
}

/** What `--workers` starts; nothing for people. */
function addJobProcess(group: Command, signal: AbortSignal): void {
  group
    .command("job-process", { hidden: true })
    .action(async () => (await import("./commands/eval/job-process.js")).jobProcess(signal));
}

function addReport(group: Command): void {
  group
    .command("report")
    .description("results as one page: figures, tables, and the commands that measure them again")
    .argument("<results...>", "files that the other verbs wrote with --out")
    .requiredOption("--out <file>", "the page, an HTML file that needs no network")
    .option("--title <text>", "of the page", "Evaluation")
    .action(async (files: string[], options) =>
      (await import("./commands/eval/report.js")).evalReport(files, options as never),
    );
}

function addPerplexity(command: Command, signal: AbortSignal): void {
  command
    .description("PPL_n and PPL_1:n of a text for every head, and PPL_d of walks through it")
    .argument("[model]", "a model or checkpoint folder (default: the embedded model)")
    .option("--text <file>", 'documents between <|endoftext|>, or .jsonl with {"text"}')
    .option("--tokens <file>", 'JSON: {"tokens": [[ids], …]}, a document each, taken as they are')
    .option("--window <n>", "tokens that are seen at once (default: the model's context)", wholeNumber)
    .option("--stride <n>", "tokens from one window to the next (default: the window)", wholeNumber)
    .option("--backoff <list>", "ε_b of walks, as 0,0.5,1 or 0:1:0.1", numbers)
    .option("--mask", "also with the co-occurrence mask in the joint", false)
    .option("--top-k <k>", "candidates a head, of walks and masked joints (default: the model's, or 50)", wholeNumber)
    .action(async (folder: string | undefined, options) =>
      (await import("./commands/eval/perplexity.js")).evalPerplexity(folder, options as never, signal),
    );
}
