/** String and number literals, read as Python reads them. */
import { syntaxError } from "./errors.js";

const single: Readonly<Record<string, string>> = {
  "\n": "",
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};
const digits: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
const escapes = /\\(?:([0-7]{1,3})|([xuU])([\da-fA-F]{0,8})|([^]))/g;

/** The text between quotes, its escapes resolved. An escape that Python does not know stays as it is. */
export function unescape(text: string, line: number): string {
  if (!text.includes("\\")) return text;
  return text.replace(escapes, (whole, octal?: string, kind?: string, hex?: string, other?: string) => {
    if (octal !== undefined) return String.fromCodePoint(parseInt(octal, 8));
    if (kind !== undefined) return codePoint(kind, hex ?? "", line);
    if (other === "N") syntaxError("\\N{…} is not supported: write the character itself", line);
    return single[other ?? ""] ?? whole;
  });
}

function codePoint(kind: string, hex: string, line: number): string {
  const length = digits[kind] ?? 0;
  const code = parseInt(hex.slice(0, length), 16);
  if (hex.length < length || code > 0x10ffff)
    syntaxError(`expected ${length} hexadecimal digits of a character behind \\${kind}`, line);
  return String.fromCodePoint(code) + hex.slice(length);
}
