/** Options of the verbs that write text: demo, generate, chat. */
import { number, seed, wholeNumber } from "../options/numbers.js";
import { flag, text, texts, unless, type OptionsOf } from "../options/spec.js";
import { json, maxNewTokens, modelOptions, strategyOptions } from "./common.js";

export const demoOptions = {
  ...modelOptions,
  maxNewTokens: maxNewTokens("largest number of tokens of the text", 160),
  temperature: number("<t>", "0 is greedy", { least: 0 }),
  backoff: number("<e>", "0 always emits all heads' tokens, 1 always one", { least: 0, most: 1 }),
  seed: seed("same seed, same text"),
};
export type DemoOptions = OptionsOf<typeof demoOptions>;

export const generateOptions = {
  ...modelOptions,
  ...strategyOptions,
  prompt: texts("<text>", "repeat it for a batch; else --prompt-file or standard input"),
  promptFile: text("<file>", "read the prompt from a file"),
  maxNewTokens: wholeNumber("<n>", "largest number of tokens of a text (default: the model's, or 128)", { least: 1 }),
  minNewTokens: wholeNumber("<n>", "smallest number of tokens of a text (default: the model's, or 0)", { least: 0 }),
  stop: texts("<text>", "end before this text; may be repeated"),
  beginOfText: unless("feed the prompt as it is, without the model's begin-of-text token before it"),
  seed: seed("same seed, same text"),
  draft: text("<folder>", "with --strategy speculative: a smaller model of the same tokenizer, which drafts"),
  logprobs: wholeNumber("<n>", "log-probabilities, with n alternatives each", { least: 0 }),
  json,
};
export type GenerateOptions = OptionsOf<typeof generateOptions>;

export const chatOptions = {
  ...modelOptions,
  ...strategyOptions,
  system: text("<text>", "instructions for the model before the conversation"),
  maxNewTokens: maxNewTokens("largest number of tokens of an answer", 256),
  stop: texts("<text>", "end an answer before this text; may be repeated"),
  seed: seed("same seed and messages, same answers"),
  json: flag('answer JSON lines: {"messages": [{"role", "content"}, …]}, or a text that goes on'),
};
export type ChatOptions = OptionsOf<typeof chatOptions>;
