/** The fields of protobuf messages as they lie in an ONNX file, without reading what is not asked for. */

interface Field {
  readonly number: number;
  /** A number, or a message's bytes. */
  readonly value: number | Uint8Array;
}

/** A message's fields of that number that are bytes: messages, strings, packed lists. */
export function* messagesOf(message: Uint8Array, field: number): Generator<Uint8Array> {
  for (const { number, value } of fieldsOf(message)) if (number === field && typeof value !== "number") yield value;
}

/** A message's first field of that number, when it is a number. */
export function numberOf(message: Uint8Array, field: number): number | undefined {
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
