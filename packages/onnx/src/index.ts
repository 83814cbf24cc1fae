/** @dynamo/onnx: builds, reads and writes ONNX graphs; knows nothing of language models. */
export { graphBuilder, microsoft } from "./builder.js";
export type {
  AttributeValue,
  ConstantOptions,
  GraphBuilder,
  InitializerOptions,
  NodeOptions,
  Value,
} from "./builder.js";
export { elementTypes } from "./proto.js";
export type { Attribute, Initializer, OnnxGraph, OnnxModel, OnnxNode, ValueInfo } from "./proto.js";
export { readOnnx, readOnnxMetadata } from "./read.js";
export { readOnnxGraph } from "./read-graph.js";
export type { GraphStructure, InputStructure, TensorStructure } from "./read-graph.js";
export type { OnnxSummary, RangeReader, TensorSummary } from "./read.js";
export { encodeOnnx, maxInlineBytes, weightBytes, writeOnnx } from "./write.js";
export type { OnnxSink, WriteOptions } from "./write.js";
