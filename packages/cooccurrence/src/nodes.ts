/** Nodes of a sorted trie: look-up by binary search. */
import { large, type Level, type Trie } from "./trie.js";

/** The node of `length` tokens from `start` on; -1 when they are not stored. A single token's node is its id. */
export function nodeOf({ levels, unigrams }: Trie, tokens: ArrayLike<number>, start: number, length: number): number {
  let node = tokens[start] as number;
  // No whole number is no token, and no place in the tables.
  if (!(Number.isInteger(node) && node >= 0 && node < unigrams.length)) return -1;
  for (let n = 2; n <= length; n++) {
    node = childOf(levels[n - 2] as Level, node, tokens[start + n - 1] as number);
    if (node < 0) return -1;
  }
  return node;
}

/** The node of a parent's child, -1 when there is none. */
export function childOf({ ids, starts }: Level, parent: number, id: number): number {
  return search(ids, id, starts[parent] as number, starts[parent + 1] as number);
}

/** Where a value stands in a part of a sorted list, -1 when it does not. */
export function search(sorted: Uint16Array | Uint32Array, value: number, from: number, to: number): number {
  let low = from;
  let high = to - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = sorted[middle] as number;
    if (found === value) return middle;
    if (found < value) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** C_n of a node's n-gram. */
export function nodeCount({ counts, largeNodes, largeCounts }: Level, node: number): number {
  const count = counts[node] as number;
  return count === large ? (largeCounts[search(largeNodes, node, 0, largeNodes.length)] as number) : count;
}
