/** Text files as UTF-8, chunk by chunk: characters that a chunk's border cuts are whole, and what is no UTF-8 is refused. */
import { createReadStream } from "node:fs";
import { DynamoError } from "@dynamo/core";

export interface TextChunk {
  readonly text: string;
  /** Bytes of the file read so far. */
  readonly bytesRead: number;
}

const chunkBytes = 2 ** 18;
const byteOrderMark = "\uFEFF";

/** A file's text. A byte order mark at its start is left out; throws `invalid-file` with the place of bytes that are not UTF-8. */
export function readUtf8(file: string): AsyncGenerator<TextChunk> {
  return decodeUtf8(createReadStream(file, { highWaterMark: chunkBytes }) as AsyncIterable<Buffer>, file);
}

/** `name` is what errors call the text's origin. */
export async function* decodeUtf8(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<TextChunk> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let held = new Uint8Array(0);
  /** Where `held` begins in the file. */
  let at = 0;
  for await (const chunk of chunks) {
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    const whole = bytes.length - unfinished(bytes);
    const text = decode(decoder, bytes.subarray(0, whole), name, at);
    const isStart = at === 0;
    at += whole;
    // A copy: the stream may use its chunk's memory again.
    held = bytes.slice(whole);
    if (text !== "") {
      yield { text: isStart && text.startsWith(byteOrderMark) ? text.slice(1) : text, bytesRead: at + held.length };
    }
  }
  if (held.length > 0) refuse(name, at);
}

function decode(decoder: InstanceType<typeof TextDecoder>, bytes: Uint8Array, name: string, at: number): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    return refuse(name, at + (firstInvalid(bytes) ?? 0), cause);
  }
}

function refuse(name: string, offset: number, cause?: unknown): never {
  throw new DynamoError("invalid-file", `${name} is not UTF-8 text: the bytes at offset ${offset} are no character`, {
    cause,
  });
}

/** Bytes at the end that begin a character but do not complete it: 0 to 3. */
function unfinished(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return lengthOf(byte) > back ? back : 0;
  }
  return 0;
}

/** Where the first byte sequence begins that is not well-formed (table 3-7 of the Unicode standard). */
export function firstInvalid(bytes: Uint8Array): number | undefined {
  for (let at = 0; at < bytes.length;) {
    const length = lengthOf(bytes[at] as number);
    if (!isWellFormed(bytes, at, length)) return at;
    at += length;
  }
  return undefined;
}

/** Bytes of a character by its first one; 0 for bytes that begin none. */
function lengthOf(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/** Second bytes that would spell a shorter character's code, a surrogate's, or one past the last. */
const secondByte: ReadonlyMap<number, readonly [least: number, most: number]> = new Map([
  [0xe0, [0xa0, 0xbf]],
  [0xed, [0x80, 0x9f]],
  [0xf0, [0x90, 0xbf]],
  [0xf4, [0x80, 0x8f]],
]);

function isWellFormed(bytes: Uint8Array, at: number, length: number): boolean {
  if (length === 0 || at + length > bytes.length) return false;
  for (let i = 1; i < length; i++) {
    const byte = bytes[at + i] as number;
    const [least, most] = (i === 1 ? secondByte.get(bytes[at] as number) : undefined) ?? [0x80, 0xbf];
    if (byte < least || byte > most) return false;
  }
  return true;
}
