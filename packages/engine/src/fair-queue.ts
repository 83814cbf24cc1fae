/** Who is next: one item of each key in turn, so that a key with many waits no longer than a key with one. */

export interface FairQueue<Item> {
  readonly size: number;
  push(key: string, item: Item): void;
  /** The first item of the key whose turn it is; undefined when there is none. */
  next(): Item | undefined;
  /** False when it is not here any more. */
  remove(key: string, item: Item): boolean;
  /** All of them, and empties the queue. */
  drain(): Item[];
}

export function fairQueue<Item>(): FairQueue<Item> {
  // A Map keeps the order of insertion: the key that was served goes to its end.
  const waiting = new Map<string, Item[]>();
  let size = 0;
  return {
    get size() {
      return size;
    },
    push(key, item) {
      const items = waiting.get(key);
      if (items === undefined) waiting.set(key, [item]);
      else items.push(item);
      size++;
    },
    next() {
      const [turn] = waiting;
      if (turn === undefined) return undefined;
      const [key, items] = turn;
      const item = items.shift();
      waiting.delete(key);
      if (items.length > 0) waiting.set(key, items);
      size--;
      return item;
    },
    remove(key, item) {
      const items = waiting.get(key) ?? [];
      const place = items.indexOf(item);
      if (place < 0) return false;
      items.splice(place, 1);
      if (items.length === 0) waiting.delete(key);
      size--;
      return true;
    },
    drain() {
      const all = [...waiting.values()].flat();
      waiting.clear();
      size = 0;
      return all;
    },
  };
}
