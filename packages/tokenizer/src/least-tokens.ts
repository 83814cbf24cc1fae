/** How many tokens a text has at least, by its bytes, without encoding it: a text far too long is refused before anybody reads it. */
import { byteAlphabet, byteLevelBytes } from "./byte-level.js";
import { isObject, type Json, type TokenizerJson } from "./files.js";

export type LeastTokens = (text: string) => number;

/** What the tokens of a tokenizer hold. */
interface Cover {
  /** most[b]: occurrences of byte b in the token that has most of them; 0 for a byte that may vanish from a text. */
  readonly most: Uint16Array;
  /** Bytes of the longest token. */
  readonly longest: number;
}

/** What happens to text before it is split into tokens. */
interface Treatment {
  /** Unicode normalisation: a character that is not ASCII may take one before it in (e and U+0301 become é). */
  readonly composes: boolean;
  /** Added tokens take the white space beside them along. */
  readonly strips: boolean;
}

const nothing: LeastTokens = () => 0;
const encoder = new TextEncoder();

/**
 * A lower bound for any text: 0 where the tokenizer may shrink a text by any factor, as WordPiece's unknown words and removed
 * white space do. It holds because each byte that is counted stands in exactly one token of the text.
 */
export function leastTokens(checked: TokenizerJson): LeastTokens {
  const { json, added } = checked;
  const normalizers = flat(json["normalizer"], "normalizers");
  const splitters = flat(json["pre_tokenizer"], "pretokenizers");
  const keeps = normalizers.every(keepsText) && splitters.every(keepsAll);
  const isCut = (json["truncation"] ?? null) !== null;
  if (!keeps || isCut) return nothing;
  const isByteLevel = splitters.some(({ type }) => type === "ByteLevel");
  const cover = coverOf(checked, isByteLevel);
  if (cover === undefined) return nothing;
  const treatment = {
    composes: normalizers.some(({ type }) => unicodeForms.has(type)),
    strips: added.some(({ stripsLeft, stripsRight }) => stripsLeft || stripsRight),
  };
  return (text) => countTokens(text, cover, treatment);
}

function countTokens(text: string, { most, longest }: Cover, { composes, strips }: Treatment): number {
  const bytes = encoder.encode(strips ? text.replace(/\s+/gu, "") : text);
  const counts = new Uint32Array(256);
  for (const byte of bytes) counts[byte] = (counts[byte] as number) + 1;
  // At least as many as there are characters beyond ASCII.
  const beyond = composes ? counts.subarray(0x80).reduce((sum, count) => sum + count, 0) : 0;
  let all = 0;
  let least = 0;
  for (let byte = 0; byte < (composes ? 0x80 : 256); byte++) {
    if (most[byte] === 0) continue;
    all += counts[byte] as number;
    least = Math.max(least, Math.ceil(((counts[byte] as number) - beyond) / (most[byte] as number)));
  }
  return Math.max(least, Math.ceil((all - beyond) / longest), 0);
}

interface Step extends Json {
  readonly type: string;
}

/** Steps of a normalizer or pre-tokenizer, sequences laid open. */
function flat(step: unknown, members: string): Step[] {
  if (!isObject(step)) return [];
  const { type, [members]: steps } = step;
  if (type === "Sequence") return Array.isArray(steps) ? steps.flatMap((each) => flat(each, members)) : [];
  return [{ ...step, type: typeof type === "string" ? type : "" }];
}

const unicodeForms = new Set(["NFC", "NFD", "NFKC", "NFKD"]);

/** Spaces become other characters, and are not counted. */
function keepsText({ type, pattern }: Step): boolean {
  if (type === "Replace") return isObject(pattern) && pattern["String"] === " ";
  return type === "Prepend" || unicodeForms.has(type);
}

function keepsAll({ type, behavior }: Step): boolean {
  if (type === "Split" || type === "Punctuation") return behavior !== "Removed";
  return type === "ByteLevel" || type === "Metaspace" || type === "Digits";
}

function coverOf({ model, modelType, ids, added }: TokenizerJson, byteLevel: boolean): Cover | undefined {
  if (modelType !== "BPE") return undefined;
  const most = new Uint16Array(256);
  let longest = 1;
  const take = (bytes: Uint8Array): void => {
    longest = Math.max(longest, bytes.length);
    const own = new Map<number, number>();
    for (const byte of bytes) own.set(byte, (own.get(byte) ?? 0) + 1);
    for (const [byte, count] of own) most[byte] = Math.max(most[byte] as number, count);
  };
  for (const token of ids.keys()) take(byteLevel ? byteLevelBytes(token) : encoder.encode(token));
  for (const { content } of added) take(encoder.encode(content));
  const names = byteLevel ? byteAlphabet() : model["byte_fallback"] === true ? fallbackNames : [];
  // A byte without a token of its own is unknown: any number of them may become one token, or none.
  for (let byte = 0; byte < 256; byte++) {
    if (!ids.has(names[byte] ?? "")) most[byte] = 0;
    else most[byte] = Math.max(most[byte] as number, 1);
  }
  if (!byteLevel) {
    // Half a character has no token: all 256 are there, or what is beyond ASCII may vanish.
    if (most.some((count) => count === 0)) return undefined;
    most[0x20] = 0;
  }
  return { most, longest };
}

const fallbackNames = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
);
