/** @dynamo/core: tensors, contracts, errors. No dependency; runs in Node and browsers. */
export { allocate, byteSize, fromBfloat16, fromFloat16, toFloat16, viewOf } from "./dtype.js";
export type { DType, TypedArray, TypedArrays } from "./dtype.js";
export { abortedError, DynamoError, throwIfAborted } from "./errors.js";
export type { DynamoErrorCode } from "./errors.js";
export { checkGraphMemory } from "./graph-memory.js";
export type { GraphSize } from "./graph-memory.js";
export { sizeText } from "./size-text.js";
export { checkInside } from "./model-files.js";
export type { ModelFiles } from "./model-files.js";
export { elementCount, tensor } from "./tensor.js";
export type { Tensor } from "./tensor.js";
export { nextName } from "./runtime.js";
export type {
  CacheAppend,
  CacheLayout,
  CacheTensor,
  Device,
  DeviceChoice,
  Feeds,
  GraphSource,
  Runtime,
  RuntimeState,
  Session,
  SessionCache,
  SessionOptions,
  TensorInfo,
} from "./runtime.js";
export type { Cooccurrence, NgramMatches } from "./cooccurrence.js";
export type {
  CacheOptions,
  Candidates,
  ConditionalCandidates,
  Feed,
  ForwardOptions,
  ForwardResult,
  GenerationDefaults,
  KvCache,
  LanguageModel,
  ModelInfo,
} from "./language-model.js";
export type { Draft, StepInput, StepOutput, Strategy } from "./strategy.js";
export type { TextStream, Tokenizer } from "./tokenizer.js";
