/** Errors as the OpenAI API tells them: a status, and { error: { message, type, param, code } }. */
import { DynamoError, type DynamoErrorCode } from "@dynamo/core";
import { UnavailableError } from "../inference/unavailable.js";

export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

export interface ApiErrorOptions {
  readonly type?: string;
  readonly param?: string | null;
  readonly code?: string | null;
  /** Seconds after which the client may try again. */
  readonly retryAfter?: number;
  /** For the log: clients are not told. */
  readonly cause?: unknown;
}

/** An answer that is no success. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly retryAfter: number | undefined;
  readonly body: ErrorBody;

  constructor(status: number, message: string, options: ApiErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    const { type = status < 500 ? "invalid_request_error" : "server_error", param = null, code = null } = options;
    this.status = status;
    this.retryAfter = options.retryAfter;
    this.body = { error: { message, type, param, code } };
  }
}

const byCode: Readonly<Record<DynamoErrorCode, { status: number } & ApiErrorOptions>> = {
  "invalid-argument": { status: 400 },
  "context-length": { status: 400, code: "context_length_exceeded" },
  unsupported: { status: 400 },
  busy: { status: 429, type: "rate_limit_error", code: "queue_full", retryAfter: 1 },
  aborted: { status: 408, type: "timeout_error", code: "timeout" },
  "out-of-memory": { status: 503, code: "out_of_memory", retryAfter: 5 },
  runtime: { status: 500, code: "inference_failed" },
  strategy: { status: 500, code: "strategy_failed" },
  "invalid-file": { status: 500 },
  "not-found": { status: 500 },
};

const unavailable = { type: "overloaded_error", code: "overloaded", retryAfter: 1 };

/** Whatever was thrown; what is no error of ours is told without its message. */
export function apiErrorOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (!DynamoError.is(error)) return new ApiError(500, "the server failed", { code: "internal_error" });
  if (error instanceof UnavailableError) return new ApiError(503, error.message, unavailable);
  const { status, ...options } = byCode[error.code];
  return new ApiError(status, error.message, options);
}
