/** The byte-level alphabet: every byte as a printable character (GPT-2's `bytes_to_unicode`). */

/** Bytes that stand for themselves: printable ASCII and most of Latin-1. All others are moved to 256 and up, in order. */
const isPrintable = (byte: number): boolean =>
  (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;

/** The character of every byte, 0 to 255. */
export function byteAlphabet(): readonly string[] {
  let moved = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : moved++));
}

const alphabet = byteAlphabet();
const byteOf: ReadonlyMap<string, number> = new Map(alphabet.map((character, byte) => [character, byte]));
const encoder = new TextEncoder();

/** The bytes that a byte-level token stands for; a token outside the alphabet (an added one) is its own text's bytes. */
export function byteLevelBytes(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = byteOf.get(token.charAt(i));
    if (byte === undefined) return encoder.encode(token);
    bytes[i] = byte;
  }
  return bytes;
}

/** A text's UTF-8 bytes as characters of the alphabet. */
export function byteLevelText(text: string): string {
  let characters = "";
  for (const byte of encoder.encode(text)) characters += alphabet[byte] as string;
  return characters;
}
