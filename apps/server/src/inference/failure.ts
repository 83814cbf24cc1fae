/** Errors on their way between processes and threads. */
import { DynamoError } from "@dynamo/core";
import type { InferenceFailure } from "./messages.js";

export const failureOf = (error: unknown): InferenceFailure =>
  DynamoError.is(error)
    ? { code: error.code, message: error.message }
    : { code: "runtime", message: error instanceof Error ? error.message : String(error) };

export const errorOf = ({ code, message }: InferenceFailure): DynamoError => new DynamoError(code, message);
