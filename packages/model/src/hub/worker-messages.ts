/** What a page and the worker that prepares a model say to each other. */
import { DynamoError, type DynamoErrorCode, type ModelFiles } from "@dynamo/core";
import type { HubProgress } from "@dynamo/hub";
import type { Conversion } from "./conversion.js";
import type { HubSource } from "./prepare.js";

/** Files that the worker reads through the page, which knows where they are; or the hub's, which it downloads itself. */
export interface Order {
  readonly source: { readonly location: string } | { readonly hub: HubSource };
  readonly conversion: Conversion | undefined;
}

/** A call of the page's ModelFiles. */
export type FileCall =
  | { readonly call: "size"; readonly args: Parameters<ModelFiles["size"]> }
  | { readonly call: "read"; readonly args: Parameters<ModelFiles["read"]> }
  | { readonly call: "readRange"; readonly args: Parameters<ModelFiles["readRange"]> };

/** An error's `code` is undefined when it is not a DynamoError. */
export interface SentError {
  readonly code: DynamoErrorCode | undefined;
  readonly message: string;
}

export type ToWorker =
  | { readonly order: Order }
  | { readonly id: number; readonly value: Uint8Array | number | undefined }
  | { readonly id: number; readonly error: SentError };

export type FromWorker =
  | ({ readonly id: number } & FileCall)
  | { readonly progress: HubProgress }
  | { readonly made: ReadonlyMap<string, Uint8Array> }
  | { readonly error: SentError };

export const sentError = (error: unknown): SentError => ({
  code: DynamoError.is(error) ? error.code : undefined,
  message: error instanceof Error ? error.message : String(error),
});

export const receivedError = ({ code, message }: SentError): Error =>
  code === undefined ? new Error(message) : new DynamoError(code, message);
