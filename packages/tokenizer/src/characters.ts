/** Classes of characters as Rust's standard library and its `regex` have them. */

/** `char::is_whitespace`, and `\s`: JavaScript's own `\s` has U+FEFF besides, and lacks U+0085. */
export const whitespace = /\p{White_Space}/u;

/** `\w` of Rust's regular expressions. */
const wordClass = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";
export const wordsAndSigns = new RegExp(
  `${wordClass}+|[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}\\p{White_Space}]+`,
  "gu",
);
export const endsWithWord = (text: string): boolean => lastIsWord.test(text.slice(-2));
export const startsWithWord = (text: string): boolean => firstIsWord.test(text.slice(0, 2));
const firstIsWord = new RegExp(`^${wordClass}`, "u");
const lastIsWord = new RegExp(`${wordClass}$`, "u");

/** `char::is_numeric`. */
export const numeric = /\p{N}/u;

/** ASCII's signs, and Unicode's punctuation. */
export const punctuation = /[!-/:-@[-`{-~\p{P}]/u;

/** Where the white space that a text begins with ends. */
export const leadingSpace = (text: string): number => (/^\p{White_Space}*/u.exec(text)?.[0] ?? "").length;

/** Where the white space that a text ends with begins. */
export function trailingSpace(text: string): number {
  let at = text.length;
  while (at > 0 && whitespace.test(text.charAt(at - 1))) at--;
  return at;
}
