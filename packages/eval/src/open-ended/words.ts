/** Words of a text: what repetition and diversity are counted in, the same for models of any tokenizer. */

/** Lower case; every other sign that is no space is a word of its own. */
export const wordsOf = (text: string): string[] =>
  text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’]\p{L}+)*|[^\s\p{L}\p{N}]/gu) ?? [];

/** Of n words each; the separator stands in no word. */
export function ngramsOf(words: readonly string[], n: number): string[] {
  return Array.from({ length: Math.max(0, words.length - n + 1) }, (_, i) => words.slice(i, i + n).join(" "));
}
