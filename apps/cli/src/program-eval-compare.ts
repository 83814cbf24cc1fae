/** The verbs that compare: `dynamo eval compare`, `ablation`, `architectures`. */
import type { Command } from "commander";
import { number, numbers, wholeNumber } from "./numbers.js";
import type { OptionAdders } from "./program-eval-open.js";

export function addComparisonVerbs(group: Command, signal: AbortSignal, { common, model }: OptionAdders): void {
  const add = (name: string, description: string): Command =>
    writing(common(model(group.command(name).description(description))));
  add("compare", "strategies side by side: overhead, tokens a pass, speed-up, likelihood of the texts")
    .argument("[model]", "a model or checkpoint folder (default: the embedded model)")
    .option("--draft <folder>", "a smaller model of the same tokenizer: speculative sampling comes along")
    .option("--drafts <list>", "tokens that it drafts a pass (default: 4)", numbers)
    .option("--backoff <list>", "ε_b of dynamo, as 0,0.5,1 or 0:1:0.25 (default: 0.5)", numbers)
    .action(async (folder: string | undefined, options) =>
      (await import("./commands/eval/compare.js")).evalCompare(folder, options as never, signal),
    );
  add("ablation", "what the mask, Otsu's threshold and the blur are worth")
    .argument("[model]", "a model or checkpoint folder (default: the embedded model)")
    .option("--backoff <list>", "ε_b (default: 0.25,0.5,0.75)", numbers)
    .option("--mask-strength <list>", "default: 1,0.5,0", numbers)
    .action(async (folder: string | undefined, options) =>
      (await import("./commands/eval/ablation.js")).evalAblation(folder, options as never, signal),
    );
  add("architectures", "models side by side: parameters, overhead, perplexities, speed-up over each one's head 1")
    .argument("<models...>", "model folders")
    .option("--backoff <b>", "ε_b", number, 0.5)
    .option("--text <file>", "for perplexities, documents between <|endoftext|>")
    .option("--tokens <file>", "the same as token ids")
    .action(async (folders: string[], options) =>
      (await import("./commands/eval/architectures.js")).evalArchitectures(folders, options as never, signal),
    );
}

/** What is written, and who says how likely it is. */
function writing(command: Command): Command {
  return command
    .option("--questions <file>", 'prompts as JSON lines of {"prompt", "type"} (default: ten sentences)')
    .option("--scorer <folder>", "whose head 1 says how likely the texts are (default: the model's own)")
    .option("--temperature <t>", "0 is greedy (default: the model's, or 0.7)", number)
    .option("--top-k <k>", "candidates a head (default: the model's, or 50)", wholeNumber)
    .option("--repetition-penalty <p>", "1 is none (default: the model's, or 1.1)", number)
    .option("--max-new-tokens <n>", "how long a text may get", wholeNumber, 64)
    .option("--seeds <n>", "texts of a prompt", wholeNumber, 10)
    .option("--no-stop-at-end-of-text", "go on behind the model's end-of-text");
}
