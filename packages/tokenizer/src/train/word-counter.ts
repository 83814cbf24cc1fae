/** Counts the words that byte-level pre-tokenization cuts texts into, in bounded memory. */

/** GPT-2's pattern, which `ByteLevel` with `use_regex` stands for: contractions, words, numbers and signs with the blank before. */
const pattern = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** Distinct words kept at a time: as many as merging can take within a gigabyte or two. */
const maxWords = 2 ** 20;

/** Characters (UTF-16) of all distinct words together: 16 a word, about twice what English needs. */
const maxCharacters = 2 ** 24;

/** Merging goes over whole words again and again; long runs (blanks, base64, Thai) count as several words. */
const longWord = /[^]{1,1024}/gu;
const maxWordCharacters = 1024;

export interface WordCounter {
  add(text: string): void;
  /** Words and how often each was seen. */
  readonly words: ReadonlyMap<string, number>;
}

export interface WordLimits {
  readonly words?: number;
  readonly characters?: number;
}

/** Beyond a limit the rarer half of the words is forgotten, with its counts. */
export function createWordCounter(limits: WordLimits = {}): WordCounter {
  const { words: mostWords = maxWords, characters: mostCharacters = maxCharacters } = limits;
  const words = new Map<string, number>();
  let characters = 0;
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  function forget(word: string): void {
    words.delete(word);
    characters -= word.length;
  }

  function forgetRarerHalf(): void {
    const target = Math.floor(words.size / 2);
    const median = Float64Array.from(words.values()).sort()[target] as number;
    for (const [word, count] of words) if (count < median) forget(word);
    for (const [word, count] of words) {
      if (words.size <= target) break;
      if (count === median) forget(word);
    }
  }

  function count(word: string): void {
    const seen = words.get(word);
    if (seen !== undefined) {
      words.set(word, seen + 1);
      return;
    }
    // A word cut from a text keeps the whole text in memory: a new one is copied. Lone surrogates become U+FFFD, as in
    // encoding, so the copy may be a word that is known already.
    const copy = decoder.decode(encoder.encode(word));
    if (!words.has(copy)) characters += copy.length;
    words.set(copy, (words.get(copy) ?? 0) + 1);
    while (words.size > mostWords || characters > mostCharacters) forgetRarerHalf();
  }

  return {
    words,
    add(text) {
      for (const [word] of text.matchAll(pattern)) {
        if (word.length <= maxWordCharacters) count(word);
        else for (const [part] of word.matchAll(longWord)) count(part);
      }
    },
  };
}
