/** The merges of a BPE model: pairs of tokens, in the order in which they are merged, and the token that each becomes. */

export interface MergeTable {
  /** The rank of a pair, 0 first; -1 for pairs that are not merged. */
  readonly rankOf: (left: number, right: number) => number;
  /** The token that the pair of a rank becomes. */
  readonly tokenOf: (rank: number) => number;
}

/**
 * Ids three by three: left, right, and what they become. A hash table in flat arrays: half a million merges (Gemma) as
 * JavaScript objects would take seconds and hundreds of megabytes.
 */
export function mergeTable(triples: Int32Array): MergeTable {
  const count = triples.length / 3;
  const bits = Math.max(4, Math.ceil(Math.log2(count * 2 + 1)));
  const ranks = new Int32Array(2 ** bits).fill(-1);
  const mask = ranks.length - 1;
  const slotOf = (left: number, right: number): number =>
    (Math.imul(Math.imul(left, 0x9e3779b1) + right, 0x85ebca6b) >>> (32 - bits)) & mask;
  const find = (left: number, right: number): number => {
    let slot = slotOf(left, right);
    for (let rank = ranks[slot] as number; rank >= 0; rank = ranks[(slot = (slot + 1) & mask)] as number)
      if (triples[3 * rank] === left && triples[3 * rank + 1] === right) return slot;
    return slot;
  };
  // Of a pair that is listed twice the last one counts.
  for (let rank = 0; rank < count; rank++)
    ranks[find(triples[3 * rank] as number, triples[3 * rank + 1] as number)] = rank;
  return {
    rankOf: (left, right) => ranks[find(left, right)] as number,
    tokenOf: (rank) => triples[3 * rank + 2] as number,
  };
}
