/** The byte-level alphabet: every byte as a printable character (GPT-2's `bytes_to_unicode`). */

/** Bytes that stand for themselves: printable ASCII and most of Latin-1. All others are moved to 256 and up, in order. */
const isPrintable = (byte: number): boolean =>
  (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;

/** The character of every byte, 0 to 255. */
export function byteAlphabet(): readonly string[] {
  let moved = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : moved++));
}

const byteOf: ReadonlyMap<string, number> = new Map(byteAlphabet().map((character, byte) => [character, byte]));

/** The bytes that a byte-level token stands for. */
export function tokenBytes(token: string): Uint8Array {
  return Uint8Array.from(token, (character) => byteOf.get(character) ?? 0);
}
