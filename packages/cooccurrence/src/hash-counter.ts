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

/** 2^27 n-grams take about 2.1 GB of keys, counts and slots: more than that wants pruning on the way. */
export const maxDistinct = 2 ** 27;
/** Slots are at most 5/8 full: short probe chains for twice the memory of a slot. */
const fill = 0.625;

export function pairCounter(initialSlots = 1 << 16): PairCounter {
  let slots = new Int32Array(initialSlots).fill(-1);
  let capacity = Math.floor(initialSlots * fill);
  let firsts = new Uint32Array(capacity);
  let seconds = new Uint32Array(capacity);
  let counts = new Uint32Array(capacity);
  let size = 0;

  function slotOf(first: number, second: number): number {
    let hash = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    hash ^= hash >>> 13;
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const place = slots[slot] as number;
      if (place < 0 || (firsts[place] === first && seconds[place] === second)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  function grow(): void {
    if (size >= maxDistinct)
      throw new DynamoError("unsupported", `more than ${maxDistinct} distinct n-grams of one order: count less text`);
    const wider = (old: Uint32Array): Uint32Array<ArrayBuffer> => {
      const next = new Uint32Array(Math.floor(slots.length * 2 * fill));
      next.set(old);
      return next;
    };
    [firsts, seconds, counts] = [wider(firsts), wider(seconds), wider(counts)];
    capacity = firsts.length;
    slots = new Int32Array(slots.length * 2).fill(-1);
    for (let place = 0; place < size; place++) slots[slotOf(firsts[place] as number, seconds[place] as number)] = place;
  }

  return {
    get size() {
      return size;
    },
    add(first, second) {
      const slot = slotOf(first, second);
      const seen = slots[slot] as number;
      if (seen >= 0) {
        counts[seen] = (counts[seen] as number) + 1;
        return seen;
      }
      if (size === capacity) {
        grow();
        return this.add(first, second);
      }
      slots[slot] = size;
      firsts[size] = first;
      seconds[size] = second;
      counts[size] = 1;
      return size++;
    },
    first: (place) => firsts[place] as number,
    second: (place) => seconds[place] as number,
    count: (place) => counts[place] as number,
  };
}
