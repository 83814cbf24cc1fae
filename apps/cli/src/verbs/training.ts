/** train, data prepare, data prepare-chat, tokenizer train */
import { DynamoError } from "@dynamo/core";
import type { Command } from "commander";
import { addVerb } from "../options/verb.js";
import {
  generateDataOptions,
  prepareChatOptions,
  prepareOptions,
  tokenizerOptions,
  trainOptions,
} from "../schemas/training.js";

const textFiles = 'text with documents between <|endoftext|>, or .jsonl with {"text"}';

export function addTrainingVerbs(program: Command, signal: AbortSignal): void {
  addVerb(program, {
    name: "train",
    description: "make a DynaMo model from text, on a checkpoint or from scratch",
    arguments: ["[config]"],
    argumentHelp: ["a JSON file with any of the options; flags win"],
    options: trainOptions,
    async run([config], { exportTorch, ...options }) {
      if (exportTorch !== undefined) {
        const { exportTraining } = await import("../commands/export-torch.js");
        return exportTraining(config, { ...options, exportTorch }, signal);
      }
      const { out } = options;
      if (out === undefined)
        throw new DynamoError("invalid-argument", "required option '--out <folder>' not specified: where the run goes");
      return (await import("../commands/train.js")).runTraining(config, { ...options, out }, signal);
    },
  });
  const data = program.command("data").description("training data");
  addVerb(data, {
    name: "prepare",
    description: "turn text into token shards, with a held-out part",
    arguments: ["<files...>"],
    argumentHelp: [`${textFiles}; each is a source`],
    options: prepareOptions,
    run: async ([files], options) => (await import("../commands/data.js")).prepareData(files, options, signal),
  });
  addVerb(data, {
    name: "prepare-chat",
    description: "turn conversations into rows of tokens in which only the answers are learnt",
    arguments: ["<files...>"],
    argumentHelp: ["Alpaca, Dolly, chat messages or ShareGPT, a JSON list or JSON lines; each is a source"],
    options: prepareChatOptions,
    run: async ([files], options) => (await import("../commands/prepare-chat.js")).prepareChat(files, options, signal),
  });
  addVerb(data, {
    name: "generate",
    description: "write text from a model itself, for its own heads to learn from (self-distillation)",
    arguments: ["[model]"],
    argumentHelp: ["a model or checkpoint folder (default: the embedded model)"],
    options: generateDataOptions,
    run: async ([model], options) =>
      (await import("../commands/generate-data.js")).generateData(model, options, signal),
  });
  addVerb(program.command("tokenizer").description("tokenizers"), {
    name: "train",
    description: "make a byte-level BPE from text",
    arguments: ["<files...>"],
    argumentHelp: [textFiles],
    options: tokenizerOptions,
    run: async ([files], options) => (await import("../commands/tokenizer.js")).trainTokenizer(files, options, signal),
  });
}
