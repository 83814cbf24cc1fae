/** Python's idea of whitespace, which is not JavaScript's: U+001C to U+001F and U+0085 are, U+FEFF is not. */

const isSpaceCode = (code: number): boolean =>
  (code >= 9 && code <= 13) ||
  (code >= 0x1c && code <= 0x20) ||
  code === 0x85 ||
  code === 0xa0 ||
  code === 0x1680 ||
  (code >= 0x2000 && code <= 0x200a) ||
  code === 0x2028 ||
  code === 0x2029 ||
  code === 0x202f ||
  code === 0x205f ||
  code === 0x3000;

export const isSpace = (character: string): boolean => isSpaceCode(character.charCodeAt(0));

/** Index of the first character that is none of those, from `from` on. */
export function startOf(text: string, from = 0): number {
  let start = from;
  while (start < text.length && isSpaceCode(text.charCodeAt(start))) start++;
  return start;
}

/** Index behind the last character that is none of those. */
export function endOf(text: string, to = text.length): number {
  let end = to;
  while (end > 0 && isSpaceCode(text.charCodeAt(end - 1))) end--;
  return end;
}

export const stripStart = (text: string): string => text.slice(startOf(text));
export const stripEnd = (text: string): string => text.slice(0, endOf(text));
export const strip = (text: string): string => {
  const start = startOf(text);
  return text.slice(start, Math.max(start, endOf(text)));
};
