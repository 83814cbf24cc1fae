/** Merging a word's tokens: the pair of the lowest rank first, among equals the leftmost, until none is left. */
import type { MergeTable } from "./merge-table.js";

/** Longer words pay for a heap. */
const longestScanned = 24;

/** `tokens` is changed in place; returns how many are left at its beginning. */
export function mergeWord(tokens: Int32Array, length: number, merges: MergeTable): number {
  return length <= longestScanned ? mergeByScan(tokens, length, merges) : mergeByHeap(tokens, length, merges);
}

function mergeByScan(tokens: Int32Array, length: number, { rankOf, tokenOf }: MergeTable): number {
  const ranks = new Int32Array(length);
  for (let i = 0; i + 1 < length; i++) ranks[i] = rankOf(tokens[i] as number, tokens[i + 1] as number);
  let left = length;
  for (;;) {
    let [best, lowest] = [-1, 0];
    for (let i = 0; i + 1 < left; i++) {
      const rank = ranks[i] as number;
      if (rank >= 0 && (best < 0 || rank < lowest)) [best, lowest] = [i, rank];
    }
    if (best < 0) return left;
    tokens[best] = tokenOf(lowest);
    tokens.copyWithin(best + 1, best + 2, left);
    ranks.copyWithin(best + 1, best + 2, left);
    left--;
    if (best > 0) ranks[best - 1] = rankOf(tokens[best - 1] as number, tokens[best] as number);
    ranks[best] = best + 1 < left ? rankOf(tokens[best] as number, tokens[best + 1] as number) : -1;
  }
}

/** O(n log n): a word of a million characters takes about a second, not hours. */
function mergeByHeap(tokens: Int32Array, length: number, { rankOf, tokenOf }: MergeTable): number {
  const before = Int32Array.from({ length }, (_, i) => i - 1);
  const after = Int32Array.from({ length }, (_, i) => (i + 1 < length ? i + 1 : -1));
  const gone = new Uint8Array(length);
  // One number per candidate, ordered by rank and then by place.
  const heap = minHeap();
  const offer = (at: number): void => {
    const next = at < 0 ? -1 : (after[at] as number);
    const rank = next < 0 ? -1 : rankOf(tokens[at] as number, tokens[next] as number);
    if (rank >= 0) heap.push(rank * length + at);
  };
  for (let at = 0; at < length; at++) offer(at);
  for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
    const at = top % length;
    const rank = (top - at) / length;
    const next = after[at] as number;
    // Candidates whose tokens have changed since are out of date.
    if (gone[at] === 1 || next < 0 || rankOf(tokens[at] as number, tokens[next] as number) !== rank) continue;
    tokens[at] = tokenOf(rank);
    gone[next] = 1;
    const behind = after[next] as number;
    after[at] = behind;
    if (behind >= 0) before[behind] = at;
    offer(before[at] as number);
    offer(at);
  }
  let left = 0;
  for (let at = 0; at >= 0; at = after[at] as number) tokens[left++] = tokens[at] as number;
  return left;
}

function minHeap(): { push(value: number): void; pop(): number | undefined } {
  const heap: number[] = [];
  return {
    push(value) {
      let at = heap.length;
      heap.push(value);
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if ((heap[parent] as number) <= value) break;
        heap[at] = heap[parent] as number;
        at = parent;
      }
      heap[at] = value;
    },
    pop() {
      const top = heap[0];
      const last = heap.pop();
      if (last === undefined || heap.length === 0) return top;
      let at = 0;
      for (;;) {
        let child = 2 * at + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child++;
        if ((heap[child] as number) >= last) break;
        heap[at] = heap[child] as number;
        at = child;
      }
      heap[at] = last;
      return top;
    },
  };
}
