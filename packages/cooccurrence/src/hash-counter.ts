/** Counts pairs of whole numbers: an open-addressing hash table over typed arrays. */
import { DynamoError } from "@dynamo/core";

/**
 * An n-gram is a pair (prefix, token): the prefix is the place of its first n - 1 tokens in the table one order below, so
 * a key has two 32-bit words whatever the order. Places are given in the order of first sight and never change.
 */
export interface PairCounter {
  readonly size: number;
  /** Counts (first, second) once more and returns its place. */
  add(first: number, second: number): number;
  readonly first: (place: number) => number;
  readonly second: (place: number) => number;
  readonly count: (place: number) => number;
}

/** 2^27 n-grams take about 3 GB of keys, counts and slots: more than that wants pruning on the way. */
export const maxDistinct = 2 ** 27;
/** Slots are at most 5/8 full: short probe chains for twice the memory of a slot. */
const fill = 0.625;

/** Words of an entry: first, second and count lie side by side, so that a look-up touches two cache lines in all. */
const entryWords = 3;

export function pairCounter(initialSlots = 2 ** 18): PairCounter {
  let slots = new Int32Array(initialSlots).fill(-1);
  let capacity = Math.floor(initialSlots * fill);
  let entries = new Uint32Array(capacity * entryWords);
  let size = 0;

  function slotOf(first: number, second: number): number {
    let hash = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    hash ^= hash >>> 13;
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const place = slots[slot] as number;
      const at = place * entryWords;
      if (place < 0 || (entries[at] === first && entries[at + 1] === second)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  function grow(): void {
    if (size >= maxDistinct) {
      throw new DynamoError("unsupported", `more than ${maxDistinct} distinct n-grams of one order: count less text`);
    }
    const old = entries;
    const slotCount = slots.length * 4;
    capacity = Math.floor(slotCount * fill);
    entries = new Uint32Array(capacity * entryWords);
    entries.set(old);
    slots = new Int32Array(slotCount).fill(-1);
    for (let place = 0; place < size; place++) {
      slots[slotOf(entries[place * entryWords] as number, entries[place * entryWords + 1] as number)] = place;
    }
  }

  return {
    get size() {
      return size;
    },
    add(first, second) {
      const slot = slotOf(first, second);
      const seen = slots[slot] as number;
      if (seen >= 0) {
        const at = seen * entryWords + 2;
        entries[at] = (entries[at] as number) + 1;
        return seen;
      }
      if (size === capacity) {
        grow();
        return this.add(first, second);
      }
      slots[slot] = size;
      entries[size * entryWords] = first;
      entries[size * entryWords + 1] = second;
      entries[size * entryWords + 2] = 1;
      return size++;
    },
    first: (place) => entries[place * entryWords] as number,
    second: (place) => entries[place * entryWords + 1] as number,
    count: (place) => entries[place * entryWords + 2] as number,
  };
}
