/** What the builder and the writer are told. */
import type { OnnxGraph } from "./proto.js";

/** What an attribute of a node may be. */
export type AttributeValue = number | boolean | string | readonly number[] | { readonly float: number } | OnnxGraph;

/** Options of a node. */
export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly domain?: string;
}

/** Options of an initializer. */
export interface InitializerOptions {
  /** It may be asked for again by its name. */
  readonly shared?: boolean;
}

/** Options of an integer constant. */
export interface ConstantOptions {
  /** Without dimensions: of one value. */
  readonly scalar?: boolean;
}

/** Takes a file's bytes, in order. */
export interface OnnxSink {
  write(bytes: Uint8Array): Promise<void> | void;
}

/** Options of writing an ONNX file. */
export interface WriteOptions {
  /** Where large tensors go instead of the model file; `location` is the file's name as the model will say it. */
  readonly external?: { readonly location: string; readonly sink: OnnxSink };
  /** Called after each tensor with the bytes of data written so far and in all. */
  readonly onProgress?: (written: number, total: number) => void;
  readonly signal?: AbortSignal;
}
