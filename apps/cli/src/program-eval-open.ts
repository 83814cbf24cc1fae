/** The verbs of open-ended text: `dynamo eval completions`, `judge`, `measures`. */
import { Option, type Command } from "commander";
import { number, numbers, seed, wholeNumber } from "./numbers.js";

/** `common` adds the options that every evaluation has, `model` those of where a model runs. */
export interface OptionAdders {
  readonly common: (command: Command) => Command;
  readonly model: (command: Command) => Command;
}

export function addOpenEndedVerbs(group: Command, signal: AbortSignal, { common, model }: OptionAdders): void {
  common(model(group.command("completions").description("open-ended text under many settings, beside the base's")))
    .argument("[model]", "a model or checkpoint folder (default: the embedded model)")
    .option(
      "--questions <file>",
      'JSON lines of FastChat\'s questions, or of {"prompt", "type"} (default: ten sentences)',
    )
    .addOption(
      new Option("--strategy <name>", "beside one token a pass").choices(["dynamo", "verified"]).default("dynamo"),
    )
    .option("--backoff <list>", "ε_b, as 0,0.5,1 or 0:1:0.02 (default: 0.5)", numbers)
    .option("--mask-strength <list>", "each with every ε_b (default: the model's, or 1)", numbers)
    .option("--no-adaptive", "without Otsu's threshold")
    .option("--no-blur", "without the blur before Otsu's threshold")
    .option("--temperature <t>", "0 is greedy (default: the model's, or 0.7)", number)
    .option("--top-k <k>", "candidates a head (default: the model's, or 50)", wholeNumber)
    .option("--repetition-penalty <p>", "1 is none (default: the model's, or 1.1)", number)
    .option("--max-new-tokens <n>", "how long a text may get", wholeNumber, 64)
    .option("--seeds <n>", "texts of a prompt", wholeNumber, 10)
    .option("--timed-seeds <n>", "texts beside which the base is measured again (default: all)", wholeNumber)
    .option("--no-stop-at-end-of-text", "go on behind the model's end-of-text")
    .action(async (folder: string | undefined, options) =>
      (await import("./commands/eval/completions.js")).evalCompletions(folder, options as never, signal),
    );
  addJudge(common(group.command("judge").description("texts judged by a language model behind an endpoint")), signal);
  common(model(group.command("measures").description("texts measured without a judge")))
    .argument("<results>", "of `dynamo eval completions`")
    .option("--scorer <folder>", "a model that tells how likely the texts are, better a larger one")
    .option("--real <file>", 'real documents between <|endoftext|>, or .jsonl with {"text"}')
    .option("--seed <n>", "of the real documents that are drawn", seed, 0)
    .action(async (results: string, options) =>
      (await import("./commands/eval/measures.js")).evalMeasures(results, options as never, signal),
    );
}

function addJudge(command: Command, signal: AbortSignal): void {
  command
    .argument("<results>", "of `dynamo eval completions`")
    .requiredOption("--endpoint <url>", "OpenAI-compatible, such as http://127.0.0.1:8080/v1")
    .requiredOption("--judge-model <name>", "as the endpoint names it")
    .addOption(
      new Option("--api <name>", "completions: for a judge without a chat template")
        .choices(["chat", "completions"])
        .default("chat"),
    )
    .option("--pairwise", "each text against the base's (the default)", false)
    .option("--single", "each text alone, from 1 to 10", false)
    .option(
      "--both-orders",
      "every pair twice, each text first once (default: once, in an order drawn by --seed)",
      false,
    )
    .option("--seed <n>", "of the order", seed, 0)
    .option("--prompt-file <file>", "judges' prompts in FastChat's form (default: MT-bench's pair-v2 and single-v1)")
    .option("--prompt-name <name>", "one of them")
    .option("--cache <file>", "answers are appended to it, and not asked for again")
    .option("--max-tokens <n>", "of an answer", wholeNumber, 2048)
    .option("--attempts <n>", "times that a malformed verdict is asked for", wholeNumber, 3)
    .option("--concurrency <n>", "calls at once", wholeNumber, 4)
    .option("--retries <n>", "of a call that is told to come back (429, 503) or lost", wholeNumber, 6)
    .option("--max-calls <n>", "the run ends there; with --cache a further one goes on", wholeNumber)
    .option("--max-cost <c>", "the run ends before it costs more, by --prices", number)
    .option("--prices <prompt,completion>", "of a million tokens", numbers)
    .option("--key-variable <name>", "the environment variable with the endpoint's key (default: OPENAI_API_KEY)")
    .action(async (results: string, options) =>
      (await import("./commands/eval/judge.js")).evalJudge(results, options as never, signal),
    );
}
