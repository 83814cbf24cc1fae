/**
 * Whether an ONNX graph computes in float16: a look at its inputs, outputs and initializers, without reading them whole.
 * Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
import { messagesOf, numberOf } from "./onnx-fields.js";

/** TensorProto.DataType.FLOAT16. */
const float16 = 10;

/** Of a ModelProto; false too for bytes that are none, which ONNX Runtime refuses in its own words. */
export function usesFloat16(model: Uint8Array): boolean {
  for (const graph of messagesOf(model, 7)) {
    for (const initializer of messagesOf(graph, 5)) if (numberOf(initializer, 2) === float16) return true;
    for (const field of [11, 12]) {
      for (const value of messagesOf(graph, field)) {
        // ValueInfoProto.type → TypeProto.tensor_type → elem_type
        for (const type of messagesOf(value, 2))
          for (const tensor of messagesOf(type, 1)) if (numberOf(tensor, 1) === float16) return true;
      }
    }
  }
  return false;
}
