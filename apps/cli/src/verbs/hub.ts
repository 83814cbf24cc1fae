/** pull, models */
import type { Command } from "commander";
import { addVerb } from "../options/verb.js";
import { keptModelsOptions, pullOptions } from "../schemas/hub.js";

export function addHubVerbs(program: Command, signal: AbortSignal): void {
  addVerb(program, {
    name: "pull",
    description: "download a model of the Hugging Face Hub and convert it; it is kept, and found without a network",
    arguments: ["<id>"],
    argumentHelp: ["owner/name, or owner/name@revision (HF_TOKEN for private and gated models)"],
    options: pullOptions,
    run: async ([id], options) => (await import("../commands/hub-models.js")).pull(id, options, signal),
  });
  const models = program.command("models").description("models of the hub that are kept on this machine");
  addVerb(models, {
    name: "list",
    description: "with their sizes, commits and licences; one model with its files too",
    arguments: ["[id]"],
    argumentHelp: ["owner/name (default: all that are kept)"],
    options: keptModelsOptions,
    run: async ([id], options) => (await import("../commands/hub-models.js")).models(id, options),
    isDefault: true,
  });
  addVerb(models, {
    name: "remove",
    description: "all that is kept of models: downloads and conversions",
    arguments: ["<ids...>"],
    options: keptModelsOptions,
    run: async ([ids], options) => (await import("../commands/hub-models.js")).removeModels(ids, options),
  });
}
