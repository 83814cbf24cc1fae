/** The verbs and their options. Each verb's code is loaded when it runs, so that starting stays quick. */
import { Command } from "commander";
import { exitCodeHelp } from "./exit-codes.js";
import type { Interrupts } from "./interrupt.js";
import { usageMessage } from "./options/usage.js";
import { addCheckVerbs } from "./verbs/checks.js";
import { addEvaluationVerbs } from "./verbs/evaluation.js";
import { addHubVerbs } from "./verbs/hub.js";
import { addModelVerbs } from "./verbs/models.js";
import { addServingVerbs } from "./verbs/serving.js";
import { addTextVerbs } from "./verbs/text.js";
import { addTrainingVerbs } from "./verbs/training.js";

export function createProgram(interrupts: Interrupts): Command {
  const { signal } = interrupts;
  const program: Command = new Command("dynamo")
    .description("Text from several tokens per pass: DynaMo language models on ONNX Runtime.")
    .version("0.0.0")
    .option("--verbose", "errors with their causes")
    .showHelpAfterError("(add --help for what there is)")
    .addHelpText("after", `\n${exitCodeHelp}`)
    .exitOverride()
    .configureOutput({ outputError: (message, write) => write(`${usageMessage(message, program).trimEnd()}\n`) });
  addTextVerbs(program, interrupts);
  addServingVerbs(program, signal);
  addModelVerbs(program, signal);
  addHubVerbs(program, signal);
  addTrainingVerbs(program, signal);
  addEvaluationVerbs(program, signal);
  addCheckVerbs(program, signal);
  return program;
}
