/** The verbs and their options. Each verb's code is loaded when it runs, so that starting stays quick. */
import { Command, Option } from "commander";
import { exitCodeHelp } from "./exit-codes.js";
import type { Interrupts } from "./interrupt.js";
import { addEvaluationVerbs } from "./program-eval.js";
import { collect, number, seed, wholeNumber } from "./numbers.js";

/** Options that say where and how a model runs. */
function withModelOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--device <name>", "where the model runs").choices(["auto", "cpu", "cuda", "webgpu"]).default("auto"),
    )
    .addOption(new Option("--dtype <name>", "which of the folder's graphs").choices(["fp32", "fp16", "q8", "q4"]))
    .option("--threads <n>", "CPU threads", wholeNumber);
}

function withSamplingOptions(command: Command): Command {
  return command
    .option("--strategy <name>", "autoregressive, dynamo, verified, or the path of a module (it runs as code)")
    .option("--temperature <t>", "0 is greedy (default: the model's, or 0.7)", number)
    .option("--top-k <k>", "candidates a head (default: the model's, or 50)", wholeNumber)
    .option("--repetition-penalty <p>", "1 is none (default: the model's, or 1.1)", number)
    .option(
      "--backoff <e>",
      "dynamo: 0 always emits all heads' tokens, 1 always one (default: the model's, or 0.5)",
      number,
    )
    .option("--mask-strength <a>", "co-occurrence mask from 0 (none) to 1 (default: the model's, or 1)", number)
    .option("--no-adaptive", "dynamo: without Otsu's threshold")
    .option("--no-blur", "dynamo: without the blur before Otsu's threshold");
}

const json = ["--json", "one JSON object on standard output", false] as const;

export function createProgram(interrupts: Interrupts): Command {
  const { signal } = interrupts;
  const program = new Command("dynamo")
    .description("Text from several tokens a pass: DynaMo language models on ONNX Runtime.")
    .version("0.0.0")
    .option("--verbose", "errors with their causes")
    .showHelpAfterError("(add --help for what there is)")
    .addHelpText("after", `\n${exitCodeHelp}`)
    .exitOverride();
  addTextVerbs(program, signal);
  addChat(program, interrupts);
  addServer(program, signal);
  addModelVerbs(program, signal);
  addTrainingVerbs(program, signal);
  addEvaluationVerbs(program, signal, withModelOptions);
  addCheckVerbs(program, signal);
  return program;
}

/** demo, generate */
function addTextVerbs(program: Command, signal: AbortSignal): void {
  withModelOptions(
    program
      .command("demo")
      .description("continue a prompt with the embedded model, coloured by tokens per pass, and measure the speed-up"),
  )
    .argument("[prompt]")
    .option("--max-new-tokens <n>", "how long the text may get", wholeNumber, 160)
    .option("--temperature <t>", "0 is greedy", number)
    .option("--backoff <e>", "0 always emits all heads' tokens, 1 always one", number)
    .option("--seed <n>", "same seed, same text", seed)
    .action(async (prompt: string | undefined, options) =>
      (await import("./commands/demo.js")).demo(prompt, options as never, signal),
    );

  withSamplingOptions(withModelOptions(program.command("generate").description("continue one or more prompts")))
    .argument("[model]", "model folder, or checkpoint folder (default: the embedded model)")
    .option("--prompt <text>", "repeat it for a batch; else --prompt-file or standard input", collect)
    .option("--prompt-file <file>", "read the prompt from a file")
    .option("--max-new-tokens <n>", "how long a text may get", wholeNumber, 128)
    .option("--stop <text>", "end before this text; may be repeated", collect)
    .option("--no-begin-of-text", "feed the prompt as it is, without the model's begin-of-text token before it")
    .option("--seed <n>", "same seed, same text", seed)
    .option("--draft <folder>", "with --strategy speculative: a smaller model of the same tokenizer, which drafts")
    .option("--drafts <n>", "tokens that it drafts a pass, 1 to 15 (default: 4)", wholeNumber)
    .option("--logprobs <n>", "log-probabilities, with n alternatives each", wholeNumber)
    .option(...json)
    .action(async (model: string | undefined, options) =>
      (await import("./commands/generate.js")).generate(model, options as never, signal),
    );
}

function addChat(program: Command, interrupts: Interrupts): void {
  withSamplingOptions(withModelOptions(program.command("chat").description("talk to a chat model")))
    .argument("[model]", "model folder, or checkpoint folder, with a chat template")
    .option("--system <text>", "what the model is told before the conversation")
    .option("--max-new-tokens <n>", "how long an answer may get", wholeNumber, 256)
    .option("--stop <text>", "end an answer before this text; may be repeated", collect)
    .option("--seed <n>", "same seed and messages, same answers", seed)
    .option("--json", 'answer JSON lines: {"messages": [{"role", "content"}, …]}, or a text that goes on', false)
    .action(async (model: string | undefined, options) =>
      (await import("./commands/chat.js")).chat(model, options as never, interrupts),
    );
}

/** convert, inspect, count, random-checkpoint */
function addModelVerbs(program: Command, signal: AbortSignal): void {
  program
    .command("convert")
    .description("make a model folder from a Pythia (GPT-NeoX) or DynaMo checkpoint")
    .argument("<checkpoint>", "folder with config.json and safetensors")
    .requiredOption("--out <folder>", "where the model folder goes")
    .option(
      "--token-heads <n>",
      "1 to 4 (default: the checkpoint's); missing heads are initialised, untrained",
      wholeNumber,
    )
    .option("--dtype <names>", "fp32, fp16, q8, q4, or several with commas", "fp32")
    .addOption(
      new Option("--activations <type>", "how q8 and q4 multiply: int8 is quickest, fp32 is the same on every device")
        .choices(["int8", "fp32"])
        .default("int8"),
    )
    .option("--seed <n>", "for heads that are missing", seed)
    .option("--overwrite", "replace the folder if it exists", false)
    .option(...json)
    .action(async (checkpoint: string, options) =>
      (await import("./commands/convert.js")).convert(checkpoint, options as never, signal),
    );

  program
    .command("inspect")
    .description("what is in a model folder or a checkpoint")
    .argument("[model]", "default: the embedded model")
    .option(...json)
    .action(async (model: string | undefined, options) =>
      (await import("./commands/inspect.js")).inspect(model, options as never),
    );

  program
    .command("count")
    .description("count n-grams of text files into a model folder's co-occurrence mask")
    .argument("<files...>", 'text with documents between <|endoftext|>, or .jsonl with {"text"}')
    .requiredOption("--model <folder>", "whose tokenizer counts, and which gets the mask")
    .option("--order <n>", "longest n-gram, 1 to 4", wholeNumber, 3)
    .option("--min-count <n>", "leave out n-grams seen fewer times", wholeNumber, 2)
    .option("--no-end-of-text", "do not count a document's end as a token")
    .option(...json)
    .action(async (files: string[], options) =>
      (await import("./commands/count.js")).count(files, options as never, signal),
    );

  program
    .command("random-checkpoint")
    .description("a Pythia-shaped checkpoint of random weights, for benchmarks")
    .requiredOption("--preset <size>", "14M, 31M, 70M, 160M, 410M, 1B, 1.4B, 2.8B, 6.9B or 12B")
    .requiredOption("--out <folder>", "a new folder")
    .option("--token-heads <n>", "1 to 4", wholeNumber, 1)
    .option("--seed <n>", "for the weights", seed, 0)
    .action(async (options) =>
      (await import("./commands/random-checkpoint.js")).randomCheckpoint(options as never, signal),
    );
}

/** serve, batch, api-key */
function addServer(program: Command, signal: AbortSignal): void {
  withModelOptions(
    program
      .command("serve")
      .description("an OpenAI-compatible server for many users at once, with the playground at /"),
  )
    .argument("[models...]", "model folders, as folder or name=folder (default: the embedded model)")
    .option("--host <address>", "where it listens", "127.0.0.1")
    .option("--port <n>", "0 takes a free one", wholeNumber, 8080)
    .option("--api-keys <file>", "only these keys may (also: DYNAMO_API_KEYS); `dynamo api-key` makes them")
    .option("--without-keys", "listen on a public address although there are no keys", false)
    .option(
      "--trust-proxy <proxies>",
      "believe these proxies (addresses, networks, or how many stand in front) about their client's address",
    )
    .option("--slots <n>", "requests that a model computes at once", wholeNumber, 8)
    .option("--queue <n>", "requests that may wait; further ones are told to come back", wholeNumber, 256)
    .option(
      "--rate-limit <n>",
      "requests a minute of one key, or of one address; of all servers with REDIS_URL",
      wholeNumber,
    )
    .option("--at-once <n>", "requests of one key under way (default 64); of all servers with REDIS_URL", wholeNumber)
    .option("--request-timeout <seconds>", "for a whole request (default 600)", number)
    .option(
      "--hang-seconds <seconds>",
      "without a sign of life a model's process is started again (default 10)",
      number,
    )
    .option("--origin <url>", "a site whose pages may call; may be repeated", collect)
    .option("--data <folder>", "for /v1/files and /v1/batches; with DATABASE_URL many servers share it")
    .option(
      "--batch-lines <n>",
      "lines of batches computed at once (default: half of --slots; 0: none here)",
      wholeNumber,
    )
    .option("--log-prompts", "write prompts to the log", false)
    .addOption(
      new Option("--log-level <level>", "on standard output, as JSON lines")
        .choices(["fatal", "error", "warn", "info", "debug", "silent"])
        .default("info"),
    )
    .action(async (models: string[], options) =>
      (await import("./commands/serve.js")).serve(models, options as never, signal),
    );

  withModelOptions(
    program
      .command("batch")
      .description(
        "answer a file of requests (JSONL, as OpenAI's batches are) without a server; the same command goes on",
      ),
  )
    .argument("<input>", 'a line each: {"custom_id", "method": "POST", "url": "/v1/completions", "body"}')
    .argument("[model]", "a model folder, as folder or name=folder (default: the embedded model)")
    .requiredOption("--out <file>", "the answers; those that are in it already are not computed again")
    .option("--slots <n>", "requests computed at once", wholeNumber, 8)
    .option("--request-timeout <seconds>", "for one line", number, 600)
    .action(async (input: string, model: string | undefined, options) =>
      (await import("./commands/batch.js")).batch(input, model, options as never, signal),
    );

  program
    .command("api-key")
    .description("make an API key for --api-keys")
    .argument("<name>", "whose it is")
    .action(async (name: string) => (await import("./commands/serve.js")).makeApiKey(name));
}

/** train, data prepare, tokenizer train */
function addTrainingVerbs(program: Command, signal: AbortSignal): void {
  const train = program
    .command("train")
    .description("make a DynaMo model from text, on a checkpoint or from scratch")
    .argument("[config]", "a JSON file with any of the options; flags win")
    .option("--out <folder>", "the run: checkpoints, metrics.jsonl, report.html and, at its end, the model folder")
    .option(
      "--export-torch <folder>",
      "do not train: write the run to a new folder, with a PyTorch script that trains it on many GPUs under torchrun",
    )
    .option("--resume", "go on from the newest checkpoint in the folder", false);
  withTrainingOptions(train)
    .addOption(
      new Option("--device <name>", "where it trains").choices(["auto", "cpu", "cuda", "webgpu"]).default("cpu"),
    )
    .option("--threads <n>", "CPU threads", wholeNumber)
    .option(...json)
    .action(async (config: string | undefined, options: { out?: string; exportTorch?: string }) => {
      if (options.exportTorch !== undefined)
        return (await import("./commands/export-torch.js")).exportTraining(config, options as never, signal);
      if (options.out === undefined) train.error("error: required option '--out <folder>' not specified");
      return (await import("./commands/train.js")).runTraining(config, options as never, signal);
    });

  const data = program.command("data").description("training data");
  data
    .command("prepare")
    .description("turn text into token shards, with a held-out part")
    .argument("<files...>", 'text with documents between <|endoftext|>, or .jsonl with {"text"}; each is a source')
    .requiredOption("--tokenizer <folder>", "a model, checkpoint or tokenizer folder, or a tokenizer.json")
    .requiredOption("--out <folder>", "where the dataset goes")
    .option("--weight <name=w>", "a source's part of every batch; name: the file's, without its ending", collect)
    .option("--held-out <fraction>", "documents that are kept for evaluation", number, 0.03)
    .option("--workers <n>", "tokenizing threads", wholeNumber)
    .option("--overwrite", "replace the folder if it exists", false)
    .option(...json)
    .action(async (files: string[], options) =>
      (await import("./commands/data.js")).prepareData(files, options as never, signal),
    );

  data
    .command("prepare-chat")
    .description("turn conversations into rows of tokens in which only the answers are learnt")
    .argument("<files...>", "Alpaca, Dolly, chat messages or ShareGPT, a JSON list or JSON lines; each is a source")
    .requiredOption("--tokenizer <folder>", "a model, checkpoint or tokenizer folder, or a tokenizer.json")
    .requiredOption("--out <folder>", "where the dataset goes")
    .option("--sequence <n>", "tokens of a row: longer conversations are cut", wholeNumber, 512)
    .option("--template <file>", "a Jinja chat template (default: the tokenizer's own, or one of plain words)")
    .option("--weight <name=w>", "a source's part of every batch; name: the file's, without its ending", collect)
    .option("--held-out <fraction>", "questions that are kept for evaluation", number, 0.03)
    .option("--workers <n>", "tokenizing threads", wholeNumber)
    .option("--overwrite", "replace the folder if it exists", false)
    .option(...json)
    .action(async (files: string[], options) =>
      (await import("./commands/prepare-chat.js")).prepareChat(files, options as never, signal),
    );

  program
    .command("tokenizer")
    .description("tokenizers")
    .command("train")
    .description("make a byte-level BPE from text")
    .argument("<files...>", 'text with documents between <|endoftext|>, or .jsonl with {"text"}')
    .requiredOption("--out <folder>", "where tokenizer.json goes")
    .option("--vocabulary <n>", "tokens, with <|endoftext|> and the 256 bytes", wholeNumber, 4096)
    .option("--min-frequency <n>", "a pair seen fewer times becomes no token", wholeNumber, 2)
    .option("--context-length <n>", "the model's, for tokenizer_config.json", wholeNumber)
    .option("--overwrite", "replace the files if they exist", false)
    .option(...json)
    .action(async (files: string[], options) =>
      (await import("./commands/tokenizer.js")).trainTokenizer(files, options as never, signal),
    );
}

function withTrainingOptions(command: Command): Command {
  return command
    .option("--checkpoint <folder>", "the model to start from, in Hugging Face form; else `architecture` in the config")
    .option("--text <file>", "text to train on; repeat it for several files", collect)
    .option("--tokenizer <folder>", "for --text, where the checkpoint has none")
    .option("--dataset <folder>", "from `dynamo data prepare`, instead of --text")
    .option("--token-heads <n>", "1 to 4 (default 3)", wholeNumber)
    .option(
      "--head-layers <n>",
      "decoder layers of heads 2 and up: 1 or 2 (default: the checkpoint's, or 1)",
      wholeNumber,
    )
    .addOption(
      new Option(
        "--head-input <layer>",
        "what heads 2 and up are built on: the penultimate base layer (stem, the default), the last one, or the head before",
      ).choices(["stem", "last", "previous"]),
    )
    .option("--own-output-embedding", "heads 2 and up have an output embedding each, begun as copies of the base's")
    .option(
      "--head-lora-rank <r>",
      "heads 2 and up are copies of the base's last layer, of whose matrices only updates of this rank are trained",
      wholeNumber,
    )
    .option("--head-lora-alpha <a>", "those updates are scaled by a / r (default: r)", number)
    .addOption(
      new Option(
        "--head-initialisation <how>",
        "how heads that the checkpoint lacks begin: random (the default), or copied from the base's last layer",
      ).choices(["random", "copied"]),
    )
    .option("--heads-only", "freeze the base model and train heads 2 and up alone")
    .addOption(
      new Option("--stem <how>", "with --heads-only: session keeps a base that does not fit out of training").choices([
        "graph",
        "session",
      ]),
    )
    .addOption(new Option("--stem-dtype <name>", "of a stem session (default q8)").choices(["fp32", "q8", "q4"]))
    .addOption(
      new Option("--precision <name>", "of training's matrix products (default float32)").choices([
        "float32",
        "float16",
      ]),
    )
    .option("--steps <n>", "optimizer steps", wholeNumber)
    .option("--batch <n>", "rows of a micro-batch (default 16)", wholeNumber)
    .option(
      "--micro-batches <n>",
      "micro-batches of a step: larger batches in the same memory (default 1)",
      wholeNumber,
    )
    .option("--sequence <n>", "tokens of a row (default 256)", wholeNumber)
    .option("--learning-rate <r>", "of the base model: LR_B", number)
    .option("--head-learning-rate <r>", "of heads 2 and up: LR_M (default: the base's)", number)
    .option("--stem-gradient-scale <s>", "what heads send into the stem: LR_MB / LR_B (default 0.1)", number)
    .option("--distillation <share>", "of head 1's distribution in what heads 2 and up learn (default 0)", number)
    .option("--weight-decay <d>", "default 0.01", number)
    .option("--clip-norm <n>", "largest norm of all gradients together (default 1)", number)
    .option("--warm-up <fraction>", "of the steps (default 0.01)", number)
    .option("--seed <n>", "for new weights and the data's order", seed)
    .option("--evaluate-every <steps>", "on held-out text (default 500)", wholeNumber)
    .option("--checkpoint-every <steps>", "default 500", wholeNumber)
    .option("--sample-prompt <text>", "continued at every checkpoint; may be repeated", collect);
}

/** doctor, logits, vectors, training-vectors */
function addCheckVerbs(program: Command, signal: AbortSignal): void {
  program
    .command("doctor")
    .description("what works on this machine, and what the rest lacks")
    .option(...json)
    .action(async (options) => (await import("./commands/doctor.js")).doctor(options as never));

  withModelOptions(program.command("logits").description("write every head's logits [B, T, V] as head_1 … head_N"))
    .argument("<model>", "model folder, or checkpoint folder")
    .requiredOption("--tokens <file>", 'JSON: {"tokens": [[ids], …]}')
    .requiredOption("--out <file>", "a safetensors file")
    .option("--chunk <how>", "feed the tokens all at once, one by one, ragged, or so many a pass", "all")
    .option(...json)
    .action(async (model: string, options) =>
      (await import("./commands/logits.js")).logits(model, options as never, signal),
    );

  program
    .command("vectors")
    .description("run a file of golden vectors of the decoding step")
    .argument("<file>")
    .action(async (file: string) => (await import("./commands/vectors.js")).vectors(file));

  program
    .command("training-vectors")
    .description("run a folder of golden vectors of training: losses, gradients, weights after some steps")
    .argument("<folder>")
    .addOption(
      new Option("--device <name>", "where it trains").choices(["auto", "cpu", "cuda", "webgpu"]).default("cpu"),
    )
    .action(async (folder: string, options) =>
      (await import("./commands/training-vectors.js")).trainingVectors(folder, options as never),
    );
}
