/** One run of the command: from its arguments to an exit code. */
import { CommanderError } from "commander";
import { exitCodeOf, exitCodes } from "./exit-codes.js";
import type { Interrupts } from "./interrupt.js";
import { usageMessage } from "./options/usage.js";
import { createProgram } from "./program.js";
import { reportError } from "./report-error.js";

/** `args` without the interpreter and the script. What happened is told by `process.exitCode`; nothing is thrown. */
export async function main(args: readonly string[], interrupts: Interrupts): Promise<void> {
  const json = args.includes("--json");
  const program = createProgram(interrupts);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    // Commander has printed its own message; help and version end with 0.
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
      if (json && error.exitCode !== 0) {
        const message = usageMessage(error.message, program).replace(/^error: /, "");
        console.log(JSON.stringify({ error: { code: "invalid-argument", message } }));
      }
    } else {
      reportError(error, { json, verbose: program.opts<{ verbose?: boolean }>().verbose === true });
      process.exitCode = exitCodeOf(error);
    }
  }
}
