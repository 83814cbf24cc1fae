/** demo, generate, chat */
import type { Command } from "commander";
import type { Interrupts } from "../interrupt.js";
import { addVerb } from "../options/verb.js";
import { chatOptions, demoOptions, generateOptions } from "../schemas/text.js";

export function addTextVerbs(program: Command, interrupts: Interrupts): void {
  const { signal } = interrupts;
  addVerb(program, {
    name: "demo",
    description: "continue a prompt with the embedded model, coloured by tokens per pass, and measure the speed-up",
    arguments: ["[prompt]"],
    options: demoOptions,
    run: async ([prompt], options) => (await import("../commands/demo.js")).demo(prompt, options, signal),
  });
  addVerb(program, {
    name: "generate",
    description: "continue one or more prompts",
    arguments: ["[model]"],
    argumentHelp: ["model or checkpoint folder, or owner/name of the hub (default: the embedded model)"],
    options: generateOptions,
    run: async ([model], options) => (await import("../commands/generate.js")).generate(model, options, signal),
  });
  addVerb(program, {
    name: "chat",
    description: "talk to a chat model",
    arguments: ["[model]"],
    argumentHelp: ["model or checkpoint folder, or owner/name of the hub, with a chat template"],
    options: chatOptions,
    run: async ([model], options) => (await import("../commands/chat.js")).chat(model, options, interrupts),
  });
}
