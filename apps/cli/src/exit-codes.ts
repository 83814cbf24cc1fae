/** What the process's exit code says. */
import { DynamoError, type DynamoErrorCode } from "@dynamo/core";

export const exitCodes = { ok: 0, failure: 1, usage: 2, input: 3, unsupported: 4, interrupted: 130 } as const;

const byError: Readonly<Record<DynamoErrorCode, number>> = {
  "invalid-argument": exitCodes.usage,
  "context-length": exitCodes.usage,
  "invalid-file": exitCodes.input,
  "not-found": exitCodes.input,
  unsupported: exitCodes.unsupported,
  runtime: exitCodes.failure,
  "out-of-memory": exitCodes.failure,
  strategy: exitCodes.failure,
  busy: exitCodes.failure,
  aborted: exitCodes.interrupted,
};

export const exitCodeHelp = `Exit codes:
  0    done
  1    failed while running
  2    wrong usage: an option or argument out of its range
  3    a missing or damaged input file
  4    not supported here: a device that is missing, an unknown architecture
  130  stopped by Ctrl-C`;

export function exitCodeOf(error: unknown): number {
  return DynamoError.is(error) ? byError[error.code] : exitCodes.failure;
}
