/** `dynamo generate`: continues prompts. */
import { DynamoError } from "@dynamo/core";
import {
  generate as run,
  type GenerateOptions as Settings,
  type GenerationChunk,
  type GenerationResult,
} from "@dynamo/decode";
import { paint, paintError } from "../paint.js";
import { colourPass } from "../colours.js";
import { exitCodes } from "../exit-codes.js";
import { openModel } from "../open-model.js";
import { readText } from "../read-json.js";
import { openStrategy, type OpenStrategy } from "../strategies.js";
import type { GenerateOptions } from "../schemas/text.js";

/** Standard input and prompt files are read up to this: no context is as long. */
const maxPromptBytes = 16 * 2 ** 20;

export async function generate(
  folder: string | undefined,
  options: GenerateOptions,
  signal: AbortSignal,
): Promise<void> {
  const prompts = await readPrompts(options);
  const { model, name, close } = await openModel(folder, options, signal);
  let drafting: OpenStrategy | undefined;
  try {
    drafting = await openStrategy(options, { info: model.info, signal });
    const { strategy } = drafting;
    const settings: Settings = {
      strategy,
      maxNewTokens: options.maxNewTokens,
      minNewTokens: options.minNewTokens,
      seed: options.seed,
      logprobs: options.logprobs,
      beginOfText: options.beginOfText,
      signal,
      stop: { strings: options.stop },
    };
    const about = { model: name, device: model.device.device, dtype: model.dtype, strategy: strategy.name };
    const generation = run(model, prompts, settings);
    if (await stream(generation, prompts.length, options.json)) return;
    const results = await generation;
    if (options.json) console.log(JSON.stringify(asJson(results, about)));
    else for (const result of results) console.error(paintError.dim(summary(result)));
  } finally {
    await drafting?.close();
    await close();
  }
}

/**
 * Writes the text of a single prompt as it comes, and a batch's when it is whole. Returns true when Ctrl-C ended it: what
 * there was of the text is out, as JSON too.
 */
async function stream(generation: AsyncIterable<GenerationChunk>, prompts: number, json: boolean): Promise<boolean> {
  const texts = new Array<string>(prompts).fill("");
  const finish = (): void => {
    if (json) return;
    if (prompts === 1) process.stdout.write("\n");
    else for (const [i, text] of texts.entries()) console.log(`${paint.bold(`[${i + 1}]`)} ${text}`);
  };
  try {
    for await (const { index, text, tokens } of generation) {
      texts[index] = (texts[index] ?? "") + text;
      if (!json && prompts === 1) process.stdout.write(colourPass(text, tokens.length));
    }
    finish();
    return false;
  } catch (error) {
    finish();
    if (!DynamoError.is(error) || error.code !== "aborted") throw error;
    if (json) console.log(JSON.stringify({ text: prompts === 1 ? texts[0] : texts, finishReason: "aborted" }));
    process.exitCode = exitCodes.interrupted;
    return true;
  }
}

function asJson(results: readonly GenerationResult[], about: object): object {
  const [first] = results;
  return results.length === 1 ? { ...first, ...about } : { results, ...about };
}

function summary({
  statistics: { tokens, passes, tokensPerPass, tokensPerSecond },
  finishReason,
  seed,
}: GenerationResult): string {
  return `${tokens} tokens, ${passes} passes, ${tokensPerPass.toFixed(2)} tokens per pass, ${tokensPerSecond.toFixed(0)} tokens/s, ended by ${finishReason}, seed ${seed}`;
}

async function readPrompts({ prompt = [], promptFile }: GenerateOptions): Promise<string[]> {
  if (prompt.length > 0) return [...prompt];
  if (promptFile !== undefined) return [await readText(promptFile)];
  if (process.stdin.isTTY)
    throw new DynamoError("invalid-argument", "give a prompt: --prompt, --prompt-file, or on standard input");
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxPromptBytes)
      throw new DynamoError("invalid-argument", `a prompt has at most ${maxPromptBytes} bytes`);
    chunks.push(chunk);
  }
  return [Buffer.concat(chunks).toString("utf8")];
}
