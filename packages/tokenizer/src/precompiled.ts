/** SentencePiece's own normalisation: a table of replacements, as a trie of bytes. */
import { DynamoError } from "@dynamo/core";
import type { Settings } from "./settings.js";

/** Longer graphemes are looked up character by character, as SentencePiece's other readers do. */
const maxGraphemeBytes = 5;

/** Reads `precompiled_charsmap`: the trie's size in bytes, the trie, and the replacements, each ended by a zero byte. */
export function precompiled(settings: Settings): (text: string) => string {
  const bytes = fromBase64(settings.text("precompiled_charsmap"), settings.place);
  const view = new DataView(bytes.buffer);
  const size = bytes.length < 4 ? -1 : view.getUint32(0, true);
  if (size < 4 || size % 4 !== 0 || 4 + size > bytes.length)
    throw new DynamoError(
      "invalid-file",
      `tokenizer.json: ${settings.place}.precompiled_charsmap: expected a trie of up to ${bytes.length - 4} bytes, received ${size}`,
    );
  const trie = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
  const find = lookUp(trie, bytes.subarray(4 + size));
  return (text) => {
    let normalized = "";
    for (const grapheme of graphemes(text)) {
      const whole = grapheme.length <= maxGraphemeBytes ? find(grapheme, maxGraphemeBytes) : undefined;
      if (whole !== undefined) normalized += whole;
      else for (const character of grapheme) normalized += find(character, maxGraphemeBytes) ?? character;
    }
    return normalized;
  };
}

function fromBase64(text: string, place: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch (cause) {
    throw new DynamoError("invalid-file", `tokenizer.json: ${place}.precompiled_charsmap is not base64`, { cause });
  }
}

const encoder = new TextEncoder();

/**
 * The replacement of the shortest beginning that has one: it takes the whole text's place. The trie is a double array
 * (Darts): a node's children stand at its offset xor their byte.
 */
function lookUp(trie: Uint32Array, replacements: Uint8Array) {
  const known = new Map<string, string | undefined>();
  const search = (key: Uint8Array): number | undefined => {
    let at = offsetOf(trie[0] ?? 0);
    for (const byte of key) {
      if (byte === 0) return undefined;
      at ^= byte;
      const node = trie[at];
      if (node === undefined || (node & 0x800000ff) >>> 0 !== byte) return undefined;
      at ^= offsetOf(node);
      if ((node >>> 8) & 1) return (trie[at] ?? 0) & 0x7fffffff;
    }
    return undefined;
  };
  return (text: string, most: number): string | undefined => {
    if (known.has(text)) return known.get(text);
    const key = encoder.encode(text);
    const start = key.length > most ? undefined : search(key);
    const end = start === undefined ? 0 : replacements.indexOf(0, start);
    const found =
      start === undefined
        ? undefined
        : new TextDecoder("utf-8", { ignoreBOM: true }).decode(
            replacements.subarray(start, end < 0 ? replacements.length : end),
          );
    if (known.size < maxKnown) known.set(text, found);
    return found;
  };
}

/** Texts have few different characters: most look-ups are repeated. */
const maxKnown = 2 ** 16;

const offsetOf = (node: number): number => (node >>> 10) << ((node & 0x200) >>> 6);

/** In plain ASCII every character stands alone, but for the two of a line's end. */
function graphemes(text: string): Iterable<string> {
  // eslint-disable-next-line no-control-regex -- all of ASCII
  if (/^[\x00-\x0C\x0E-\x7F]*$/.test(text)) return text;
  return Array.from(new Intl.Segmenter("und", { granularity: "grapheme" }).segment(text), ({ segment }) => segment);
}
