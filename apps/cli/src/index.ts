/** @dynamo/cli: the `dynamo` command. */
import { exitCodes } from "./exit-codes.js";
import { listenForInterrupts } from "./interrupt.js";
import { main } from "./main.js";

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCodes.ok);
  throw error;
});

await main(process.argv.slice(2), listenForInterrupts());
