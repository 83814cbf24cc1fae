/** What a run says to its processes, and they to it. */
import type { DynamoErrorCode } from "@dynamo/core";

export type ToJobProcess =
  | { readonly kind: "open"; readonly spec: unknown; readonly setup: unknown }
  | { readonly kind: "job"; readonly index: number; readonly job: unknown };

export type FromJobProcess =
  | { readonly kind: "ready" }
  | { readonly kind: "result"; readonly index: number; readonly result: string }
  | { readonly kind: "error"; readonly error: JobError };

export interface JobError {
  readonly code: DynamoErrorCode;
  readonly message: string;
}
