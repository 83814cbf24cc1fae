/** @dynamo/cli: the `dynamo` command. */
import { CommanderError } from "commander";
import { exitCodeOf, exitCodes } from "./exit-codes.js";
import { listenForInterrupts } from "./interrupt.js";
import { createProgram } from "./program.js";
import { reportError } from "./report-error.js";

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCodes.ok);
  throw error;
});

const json = process.argv.includes("--json");
const program = createProgram(listenForInterrupts());
try {
  await program.parseAsync();
} catch (error) {
  // Commander has printed its own message; help and version end with 0.
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (json && error.exitCode !== 0) {
      const message = error.message.replace(/^error: /, "");
      console.log(JSON.stringify({ error: { code: "invalid-argument", message } }));
    }
  } else {
    reportError(error, { json, verbose: program.opts<{ verbose?: boolean }>().verbose === true });
    process.exitCode = exitCodeOf(error);
  }
}
