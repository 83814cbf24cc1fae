/** The verb of published question sets: `dynamo eval tasks`. */
import { Option, type Command } from "commander";
import { collect, number, seed, wholeNumber } from "./numbers.js";
import type { OptionAdders } from "./program-eval-open.js";

export function addTasks(group: Command, signal: AbortSignal, { common, model }: OptionAdders): void {
  writing(common(model(group.command("tasks").description("published question sets, as lm-evaluation-harness scores"))))
    .argument("[model]", "a model or checkpoint folder (default: the embedded model)")
    .option("--list", "the tasks there are, and what their rows look like", false)
    .option("--task <name=data>", "a task and its .jsonl, .csv or .json: a file, a folder, a URL (repeatable)", collect)
    .option("--task-file <file>", "a task of your own as JSON, known by its name (repeatable)", collect)
    .option("--few-shot <n>", "examples before each question", wholeNumber, 0)
    .option("--few-shot-data <name=data>", "what they are taken from (default: the task's own file)", collect)
    .option("--few-shot-seed <n>", "of the examples that are drawn", seed, 1234)
    .option("--cache <folder>", "for what is downloaded (default: dynamo/data in the user's folder of caches)")
    .option("--limit <n>", "questions of each file at most", wholeNumber)
    .action(async (folder: string | undefined, options) =>
      (await import("./commands/eval/tasks.js")).evalTasks(folder, options as never, signal),
    );
}

/** Of the tasks whose answers are written. */
function writing(command: Command): Command {
  return command
    .addOption(
      new Option("--strategy <name>", "writes the answers (default: head 1, one token a pass)").choices([
        "dynamo",
        "verified",
      ]),
    )
    .option("--backoff <b>", "ε_b of dynamo (default: 0.5)", number)
    .option("--temperature <t>", "of written answers, 0 is greedy", number, 0)
    .option("--repetition-penalty <p>", "of written answers, 1 is none", number, 1)
    .option("--max-new-tokens <n>", "how long a written answer may get", wholeNumber, 256)
    .option("--seed <n>", "of written answers, where they are drawn", seed, 0);
}
