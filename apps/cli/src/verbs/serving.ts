/** serve, batch, api-key */
import type { Command } from "commander";
import { addVerb } from "../options/verb.js";
import { batchOptions, serveOptions } from "../schemas/serving.js";

export function addServingVerbs(program: Command, signal: AbortSignal): void {
  addVerb(program, {
    name: "serve",
    description: "an OpenAI-compatible server for many users at once, with the playground at /",
    arguments: ["[models...]"],
    argumentHelp: [
      "model folders or models of the hub, as folder, owner/name or name=folder (default: the embedded model)",
    ],
    options: serveOptions,
    run: async ([models], options) => (await import("../commands/serve.js")).serve(models, options, signal),
  });
  addVerb(program, {
    name: "batch",
    description:
      "answer a file of requests (JSONL, as OpenAI's batches are) without a server; the same command goes on",
    arguments: ["<input>", "[model]"],
    argumentHelp: [
      'a line each: {"custom_id", "method": "POST", "url": "/v1/completions", "body"}',
      "a model folder or a model of the hub, as folder, owner/name or name=folder (default: the embedded model)",
    ],
    options: batchOptions,
    run: async ([input, model], options) => (await import("../commands/batch.js")).batch(input, model, options, signal),
  });
  addVerb(program, {
    name: "api-key",
    description: "make an API key for --api-keys",
    arguments: ["<name>"],
    argumentHelp: ["whose it is"],
    run: async ([name]) => (await import("../commands/serve.js")).makeApiKey(name),
  });
}
