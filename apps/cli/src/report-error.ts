/** One clear line for a person, one JSON object for a machine. */
import { DynamoError } from "@dynamo/core";
import { paintError } from "./paint.js";

/** With `json`, standard output gets {"error": {code, message}}; standard error gets the line either way. */
export function reportError(
  error: unknown,
  { json, verbose }: { readonly json: boolean; readonly verbose: boolean },
): void {
  const message = error instanceof Error ? error.message : String(error);
  const code = DynamoError.is(error) ? error.code : "failure";
  if (json) console.log(JSON.stringify({ error: { code, message } }));
  console.error(`${paintError.red("dynamo:")} ${message}`);
  if (!verbose) return;
  for (
    let cause = error instanceof Error ? error.cause : undefined;
    cause !== undefined;
    cause = cause instanceof Error ? cause.cause : undefined
  ) {
    console.error(
      paintError.dim(`  caused by: ${cause instanceof Error ? (cause.stack ?? cause.message) : JSON.stringify(cause)}`),
    );
  }
}
