/** Byte-pair merges of counted words (Sennrich et al. 2016): the most frequent pair becomes a token, again and again. */
import { throwIfAborted } from "@dynamo/core";
import { createPairHeap, type CountedPair, type PairHeap } from "./pair-heap.js";

export interface Merge {
  readonly left: number;
  readonly right: number;
}

/** A word as token ids, and how often it was seen. */
export interface CountedWord {
  readonly ids: readonly number[];
  readonly count: number;
}

export interface MergeOptions {
  /** Names of the tokens that are there before the first merge, by id. A byte's name is one character. */
  readonly tokens: readonly string[];
  readonly count: number;
  /** A pair seen fewer times is not merged. */
  readonly minFrequency: number;
  /** No token gets longer, in bytes. */
  readonly maxTokenLength: number;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Pairs of ids below 2^20 as one number: no tokenizer has so many tokens. */
export const maxTokens = 2 ** 20;
const pairKey = (left: number, right: number): number => left * maxTokens + right;
const unpack = (key: number, count: number): CountedPair => ({
  left: Math.floor(key / maxTokens),
  right: key % maxTokens,
  count,
});

/** A few milliseconds of work on usual texts. */
const mergesBetweenChecks = 64;

/**
 * At most `count` merges, in order; fewer when no pair is frequent enough. Between equally frequent pairs that of the
 * smaller ids goes first, as in Hugging Face's trainer, so the order of the words does not matter.
 */
export function learnMerges(words: readonly CountedWord[], options: MergeOptions): Merge[] {
  const { count, minFrequency, maxTokenLength } = options;
  const state = countPairs(words);
  const names = [...options.tokens];
  // Two pairs never make the same token, but a special token may have the name that a merge would get.
  const taken = new Set(names);
  const merges: Merge[] = [];
  while (merges.length < count) {
    if (merges.length % mergesBetweenChecks === 0) {
      throwIfAborted(options.signal);
      options.onProgress?.(merges.length, count);
    }
    const best = popCurrent(state);
    if (best === undefined || best.count < minFrequency) break;
    const { left, right } = best;
    const name = `${names[left] ?? ""}${names[right] ?? ""}`;
    if (name.length > maxTokenLength || taken.has(name)) continue;
    applyMerge(state, { left, right }, names.length);
    names.push(name);
    merges.push({ left, right });
  }
  options.onProgress?.(count, count);
  return merges;
}

interface State {
  readonly words: { ids: readonly number[]; readonly count: number }[];
  readonly counts: Map<number, number>;
  /**
   * Words in which a pair stands, or stood before a merge of another pair took it; each once. Lists, because sets take
   * several times their memory: a pair is met in one pass over the words only (the first, or the merge that made one of
   * its tokens), so a word that is listed already is the last one listed.
   */
  readonly places: Map<number, number[]>;
  /** An entry for every count that a pair ever had: those of earlier counts are passed over when they come up. */
  readonly heap: PairHeap;
}

function countPairs(words: readonly CountedWord[]): State {
  const counts = new Map<number, number>();
  const places = new Map<number, number[]>();
  for (const [index, { ids, count }] of words.entries()) {
    addPairs(counts, ids, count);
    addPlaces(places, ids, index);
  }
  const heap = createPairHeap();
  for (const [key, count] of counts) heap.push(unpack(key, count));
  return { words: words.map((word) => ({ ...word })), counts, places, heap };
}

function addPairs(counts: Map<number, number>, ids: readonly number[], by: number): void {
  for (let i = 0; i + 1 < ids.length; i++) {
    const key = pairKey(ids[i] as number, ids[i + 1] as number);
    counts.set(key, (counts.get(key) ?? 0) + by);
  }
}

/** Of pairs that hold the token `of`, where given: all others of a merged word stood in it before. */
function addPlaces(places: Map<number, number[]>, ids: readonly number[], word: number, of?: number): void {
  for (let i = 0; i + 1 < ids.length; i++) {
    const [left, right] = [ids[i] as number, ids[i + 1] as number];
    if (of !== undefined && left !== of && right !== of) continue;
    const key = pairKey(left, right);
    const list = places.get(key);
    if (list === undefined) places.set(key, [word]);
    else if (list.at(-1) !== word) list.push(word);
  }
}

function popCurrent({ heap, counts }: State): CountedPair | undefined {
  for (let pair = heap.pop(); pair !== undefined; pair = heap.pop())
    if (counts.get(pairKey(pair.left, pair.right)) === pair.count) return pair;
  return undefined;
}

function applyMerge({ words, counts, places, heap }: State, { left, right }: Merge, id: number): void {
  const changes = new Map<number, number>();
  for (const index of places.get(pairKey(left, right)) ?? []) {
    const word = words[index] as State["words"][number];
    const merged = mergeWord(word.ids, left, right, id);
    if (merged.length === word.ids.length) continue;
    addPairs(changes, word.ids, -word.count);
    addPairs(changes, merged, word.count);
    addPlaces(places, merged, index, id);
    word.ids = merged;
  }
  for (const [key, change] of changes) {
    if (change === 0) continue;
    const count = (counts.get(key) ?? 0) + change;
    if (count > 0) {
      counts.set(key, count);
      heap.push(unpack(key, count));
    } else {
      counts.delete(key);
      places.delete(key);
    }
  }
}

function mergeWord(ids: readonly number[], left: number, right: number, id: number): number[] {
  const merged: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    const isPair = ids[i] === left && ids[i + 1] === right;
    merged.push(isPair ? id : (ids[i] as number));
    if (isPair) i++;
  }
  return merged;
}
