/** doctor, logits, vectors, training-vectors */
import type { Command } from "commander";
import { addVerb } from "../options/verb.js";
import { doctorOptions, logitsOptions, trainingVectorsOptions } from "../schemas/models.js";

export function addCheckVerbs(program: Command, signal: AbortSignal): void {
  addVerb(program, {
    name: "doctor",
    description: "what works on this machine, and what is missing for the rest",
    options: doctorOptions,
    run: async (_, options) => (await import("../commands/doctor.js")).doctor(options),
  });
  addVerb(program, {
    name: "logits",
    description: "write every head's logits [B, T, V] as head_1 … head_N",
    arguments: ["<model>"],
    argumentHelp: ["model or checkpoint folder, or owner/name of the hub"],
    options: logitsOptions,
    run: async ([model], options) => (await import("../commands/logits.js")).logits(model, options, signal),
  });
  addVerb(program, {
    name: "vectors",
    description: "run a file of golden vectors of the decoding step",
    arguments: ["<file>"],
    run: async ([file]) => (await import("../commands/vectors.js")).vectors(file),
  });
  addVerb(program, {
    name: "training-vectors",
    description: "run a folder of golden vectors of training: losses, gradients, weights after some steps",
    arguments: ["<folder>"],
    options: trainingVectorsOptions,
    run: async ([folder], options) =>
      (await import("../commands/training-vectors.js")).trainingVectors(folder, options),
  });
}
