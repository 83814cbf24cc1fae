/** Errors on their way between processes and threads. */
import { DynamoError } from "@dynamo/core";
import type { WireError } from "./messages.js";

export const wireError = (error: unknown): WireError =>
  DynamoError.is(error)
    ? { code: error.code, message: error.message }
    : { code: "runtime", message: error instanceof Error ? error.message : String(error) };

export const errorOf = ({ code, message }: WireError): DynamoError => new DynamoError(code, message);
