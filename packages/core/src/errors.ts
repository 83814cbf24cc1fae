/** The one error of DynaMo for TypeScript. Messages give expected and received. */

/**
 * What went wrong, for callers that branch: exit codes of the CLI, statuses of the server.
 * - `invalid-argument`: an option or argument out of its range
 * - `context-length`: a prompt, or a conversation's last message, that the model's context has no room for
 * - `invalid-file`: a file that is damaged, hostile, or disagrees with another
 * - `not-found`: a file or model that is not there
 * - `unsupported`: a well-formed input that this version cannot handle, or a device that is missing
 * - `runtime`: the execution provider failed (includes NaN logits and a crashed worker)
 * - `out-of-memory`: the machine or the device has too little of it; the message says what to lower
 * - `strategy`: a decoding strategy threw or returned nonsense
 * - `busy`: too many requests at once, or a closing engine: later it may be taken
 * - `aborted`: the caller's AbortSignal fired
 */
export type DynamoErrorCode =
  | "invalid-argument"
  | "context-length"
  | "invalid-file"
  | "not-found"
  | "unsupported"
  | "runtime"
  | "out-of-memory"
  | "strategy"
  | "busy"
  | "aborted";

const brand: unique symbol = Symbol.for("@dynamo/error") as never;

/** The one error that all packages throw; `code` says what kind it is. */
export class DynamoError extends Error {
  override readonly name = "DynamoError";
  readonly code: DynamoErrorCode;
  readonly [brand] = true;

  constructor(code: DynamoErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** True for errors of this class, also when two copies of the package are loaded. */
  static is(error: unknown): error is DynamoError {
    return typeof error === "object" && error !== null && brand in error;
  }
}

/** Throws an `aborted` DynamoError when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortedError(signal);
}

/** What a call rejects with whose signal has fired. */
export const abortedError = (signal?: Pick<AbortSignal, "reason"> | null): DynamoError =>
  new DynamoError("aborted", "stopped by the caller's signal", { cause: signal?.reason });
