/** What the caller's thread and the inference worker say to each other. */
import type {
  CacheAppend,
  CacheLayout,
  DType,
  DynamoErrorCode,
  GraphSource,
  TensorInfo,
  TypedArray,
} from "@dynamo/core";

/** A tensor as it goes between threads. */
export interface WireTensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: TypedArray;
}

/** Tensors by name, as they go between threads. */
export type WireTensors = Readonly<Record<string, WireTensor>>;

/** A pass's cache as it goes to the worker. */
export interface WireAppend extends Omit<CacheAppend, "cache"> {
  readonly cache: number;
}

/** Sessions, caches and states are numbered by the caller's thread. */
export type Request =
  | { readonly kind: "check-device" }
  | {
      readonly kind: "create-session";
      readonly session: number;
      readonly graph: GraphSource;
      readonly deviceOutputs: readonly string[];
    }
  | { readonly kind: "create-cache"; readonly session: number; readonly cache: number; readonly layout: CacheLayout }
  | {
      readonly kind: "run";
      readonly session: number;
      readonly feeds: WireTensors;
      readonly fetches: readonly string[];
      readonly append: WireAppend | undefined;
      readonly state: number | undefined;
    }
  | { readonly kind: "create-state"; readonly state: number; readonly tensors: WireTensors }
  | { readonly kind: "read-state"; readonly state: number; readonly names: readonly string[] }
  | { readonly kind: "write-state"; readonly state: number; readonly tensors: WireTensors }
  | { readonly kind: "dispose-state"; readonly state: number }
  | {
      readonly kind: "copy-row";
      readonly session: number;
      readonly cache: number;
      /** The cache that the row is copied from. */
      readonly source: number;
      readonly from: number;
      readonly to: number;
      readonly length: number;
    }
  | { readonly kind: "trim-cache"; readonly session: number; readonly cache: number; readonly length: number }
  | { readonly kind: "dispose-cache"; readonly session: number; readonly cache: number }
  | { readonly kind: "dispose-session"; readonly session: number };

/** A session's inputs and outputs. */
export interface SessionShape {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
}

/** The value of each kind of request's reply. */
export interface Values {
  "check-device": undefined;
  "create-session": SessionShape;
  "create-cache": undefined;
  run: WireTensors;
  "create-state": undefined;
  "read-state": WireTensors;
  "write-state": undefined;
  "dispose-state": undefined;
  "copy-row": undefined;
  "trim-cache": undefined;
  "dispose-cache": undefined;
  "dispose-session": undefined;
}

/** A request with the number that its answer carries. */
export interface Call {
  readonly id: number;
  readonly request: Request;
}

/** What the worker answers to a call. */
export type Answer =
  { readonly id: number; readonly value: Values[keyof Values] } | { readonly id: number; readonly error: CallError };

/** Errors cross threads as plain data, because structured clone drops a class and its own fields. */
export interface CallError {
  readonly code: DynamoErrorCode;
  readonly message: string;
}
