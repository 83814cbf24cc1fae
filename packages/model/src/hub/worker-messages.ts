/** What a page and its conversion worker say to each other. */
import { DynamoError, type DeviceChoice, type DynamoErrorCode, type ModelFiles } from "@dynamo/core";
import type { ModelDType } from "../graph/precision.js";

/** What is to be converted. The worker reads the checkpoint's files through the page, which knows where they are. */
export interface ConversionOrder {
  readonly location: string;
  readonly dtype: ModelDType;
  readonly device: DeviceChoice;
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
  | { readonly order: ConversionOrder }
  | { readonly id: number; readonly value: Uint8Array | number | undefined }
  | { readonly id: number; readonly error: SentError };

export type FromWorker =
  | ({ readonly id: number } & FileCall)
  | { readonly progress: readonly [done: number, total: number] }
  | { readonly made: ReadonlyMap<string, Uint8Array> }
  | { readonly error: SentError };

export const sentError = (error: unknown): SentError => ({
  code: DynamoError.is(error) ? error.code : undefined,
  message: error instanceof Error ? error.message : String(error),
});

export const receivedError = ({ code, message }: SentError): Error =>
  code === undefined ? new Error(message) : new DynamoError(code, message);
