/**
 * Whether an ONNX graph computes in float16: a look at its inputs, outputs and initializers, without reading them whole.
 * Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */

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

interface Field {
  readonly number: number;
  /** A number, or a message's bytes. */
  readonly value: number | Uint8Array;
}

function* messagesOf(message: Uint8Array, field: number): Generator<Uint8Array> {
  for (const { number, value } of fieldsOf(message)) if (number === field && typeof value !== "number") yield value;
}

function numberOf(message: Uint8Array, field: number): number | undefined {
  for (const { number, value } of fieldsOf(message)) if (number === field && typeof value === "number") return value;
  return undefined;
}

/** The fields of a protobuf message, until its end or its first fault. */
function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  const reader = { bytes, at: 0 };
  while (reader.at < bytes.length) {
    const tag = readNumber(reader);
    const [number, wireType] = [Math.floor(tag / 8), tag % 8];
    if (wireType === 0) yield { number, value: readNumber(reader) };
    else if (wireType === 1) reader.at += 8;
    else if (wireType === 5) reader.at += 4;
    else if (wireType === 2) {
      const length = readNumber(reader);
      if (length > bytes.length - reader.at) return;
      yield { number, value: bytes.subarray(reader.at, (reader.at += length)) };
    } else return;
  }
}

/** A varint; past 53 bits it is only roughly right, and no field that counts here is so large. */
function readNumber(reader: { readonly bytes: Uint8Array; at: number }): number {
  let value = 0;
  for (let scale = 1; reader.at < reader.bytes.length; scale *= 128) {
    const byte = reader.bytes[reader.at++] as number;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  return value;
}
