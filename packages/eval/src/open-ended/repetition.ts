/** How much a text repeats itself, and how much a set of texts varies. */
import { ngramsOf } from "./words.js";

/** The n that are reported. */
export const repetitionOrders = [2, 3, 4] as const;
export const distinctOrders = [1, 2, 3] as const;

/**
 * rep-n: 1 - different n-grams / n-grams of one text (seq-rep-n of Welleck et al. 2020, "Neural text generation with
 * unlikelihood training", over words). Null for a text of fewer than n words.
 */
export function repetition(words: readonly string[], n: number): number | null {
  const ngrams = ngramsOf(words, n);
  return ngrams.length === 0 ? null : 1 - new Set(ngrams).size / ngrams.length;
}

/**
 * distinct-n: different n-grams / n-grams of all texts together (Li et al. 2016, "A diversity-promoting objective function").
 * It falls as texts are added: compare sets of the same size. Null where no text has n words.
 */
export function distinct(texts: readonly (readonly string[])[], n: number): number | null {
  const seen = new Set<string>();
  let all = 0;
  for (const words of texts) {
    const ngrams = ngramsOf(words, n);
    all += ngrams.length;
    for (const ngram of ngrams) seen.add(ngram);
  }
  return all === 0 ? null : seen.size / all;
}

/** distinct-n of all texts but each prompt's in turn: what a jackknife over the prompts asks for. In one reading of the texts. */
export function distinctWithoutEach(
  texts: readonly { readonly prompt: number; readonly words: readonly string[] }[],
  n: number,
): Map<number, number | null> {
  // A prompt takes with it what no other has.
  const owners = new Map<string, number | "several">();
  const counts = new Map<number, number>();
  for (const { prompt, words } of texts) {
    const ngrams = ngramsOf(words, n);
    counts.set(prompt, (counts.get(prompt) ?? 0) + ngrams.length);
    for (const ngram of ngrams) owners.set(ngram, (owners.get(ngram) ?? prompt) === prompt ? prompt : "several");
  }
  const own = new Map<number | "several", number>();
  for (const owner of owners.values()) own.set(owner, (own.get(owner) ?? 0) + 1);
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return new Map(
    [...counts].map(([prompt, count]) => [
      prompt,
      all === count ? null : (owners.size - (own.get(prompt) ?? 0)) / (all - count),
    ]),
  );
}
