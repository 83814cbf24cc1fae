/** convert, inspect, count, random-checkpoint */
import type { Command } from "commander";
import { addVerb } from "../options/verb.js";
import { convertOptions, countOptions, inspectOptions, randomCheckpointOptions } from "../schemas/models.js";

export function addModelVerbs(program: Command, signal: AbortSignal): void {
  addVerb(program, {
    name: "convert",
    description: "make a model folder from a checkpoint",
    arguments: ["<checkpoint>"],
    argumentHelp: ["folder with config.json and safetensors, or a model of the hub (owner/name)"],
    options: convertOptions,
    run: async ([checkpoint], options) => (await import("../commands/convert.js")).convert(checkpoint, options, signal),
  });
  addVerb(program, {
    name: "inspect",
    description: "what is in a model folder or a checkpoint",
    arguments: ["[model]"],
    argumentHelp: ["folder, or owner/name of the hub (default: the embedded model)"],
    options: inspectOptions,
    run: async ([model], options) => (await import("../commands/inspect.js")).inspect(model, options, signal),
  });
  addVerb(program, {
    name: "count",
    description: "count n-grams of text files into a model folder's co-occurrence mask",
    arguments: ["<files...>"],
    argumentHelp: ['text with documents between <|endoftext|>, or .jsonl with {"text"}'],
    options: countOptions,
    run: async ([files], options) => (await import("../commands/count.js")).count(files, options, signal),
  });
  addVerb(program, {
    name: "random-checkpoint",
    description: "a Pythia-shaped checkpoint of random weights, for benchmarks",
    options: randomCheckpointOptions,
    run: async (_, options) => (await import("../commands/random-checkpoint.js")).randomCheckpoint(options, signal),
  });
}
