/**
 * The largest initializer of an ONNX graph: on a GPU each is one buffer, and buffers have a largest size.
 * Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
import { DynamoError, sizeText } from "@dynamo/core";
import { messagesOf } from "./onnx-fields.js";

export interface Initializer {
  readonly name: string;
  readonly bytes: number;
}

/** TensorProto's float_data, int32_data, int64_data, raw_data, double_data, uint64_data: one of them has the values. */
const valueFields = [4, 5, 7, 9, 10, 11];

/** Of a ModelProto; undefined when it has none, and for bytes that are no graph. */
export function largestInitializer(model: Uint8Array): Initializer | undefined {
  let largest: Initializer | undefined;
  for (const graph of messagesOf(model, 7)) {
    for (const tensor of messagesOf(graph, 5)) {
      const bytes = bytesOf(tensor);
      if (bytes > (largest?.bytes ?? -1)) largest = { name: textOf(tensor, 8) ?? "", bytes };
    }
  }
  return largest;
}

/**
 * Throws `out-of-memory` for a graph with an initializer above the GPU's `maxBufferSize`. (Of tensors above its
 * `maxStorageBufferBindingSize`, ONNX Runtime binds the parts.)
 */
export function checkBufferSize(model: Uint8Array, maxBufferSize: number): void {
  const largest = largestInitializer(model);
  if (largest === undefined || largest.bytes <= maxBufferSize) return;
  throw new DynamoError(
    "out-of-memory",
    `the graph's initializer ${largest.name} has ${sizeText(largest.bytes)}, a buffer of this GPU at most ` +
      `${sizeText(maxBufferSize)}: choose a smaller dtype (q8 or q4) or model, or the device wasm`,
  );
}

function bytesOf(tensor: Uint8Array): number {
  let bytes = 0;
  for (const field of valueFields)
    for (const values of messagesOf(tensor, field)) bytes = Math.max(bytes, values.length);
  // external_data: StringStringEntryProtos, one of them with the key "length".
  for (const entry of messagesOf(tensor, 13))
    if (textOf(entry, 1) === "length") bytes = Math.max(bytes, Number(textOf(entry, 2)));
  return bytes;
}

function textOf(message: Uint8Array, field: number): string | undefined {
  for (const bytes of messagesOf(message, field)) return new TextDecoder().decode(bytes);
  return undefined;
}
