/** The co-occurrence mask: w(x_1..x_n) = [C_n/T_n] / Π [C_1(x_i)/T_1] (paper, Eq. 6), looked up in the sorted trie. */
import { DynamoError, type Cooccurrence, type NgramMatches } from "@dynamo/core";
import { checkValue, whole } from "@dynamo/core/options";
import { tokenList } from "./token-list.js";
import { nodeCount, nodeOf, search } from "./nodes.js";
import { liftsOf, type Lifts } from "./smoothed.js";
import type { Level, Trie } from "./trie.js";

/** A mask read from a file or made by a counter, with its exact counts. */
export interface CooccurrenceMask extends Cooccurrence {
  readonly trie: Trie;
  /** C_n of an n-gram: exact, and 0 when it is unseen or pruned. */
  count(ngram: ArrayLike<number>): number;
  /** T_n. */
  total(order: number): number;
  /** N-grams of an order that are stored; for order 1 the tokens seen. */
  stored(order: number): number;
}

/** A mask over a trie, which it trusts: `decodeMask` checks what comes from files. */
export function maskOver(trie: Trie): CooccurrenceMask {
  const order = trie.levels.length + 1;
  const count = (ngram: ArrayLike<number>): number => {
    checkValue("ngram", ngram, tokenList);
    return countOf(trie, ngram, order);
  };
  const matcher = createMatcher(trie);
  let lifts: Lifts | undefined;
  return {
    trie,
    order,
    vocabularySize: trie.vocabularySize,
    count,
    total(n) {
      checkValue("order", n, whole(1));
      return trie.totals[n - 1] ?? 0;
    },
    stored(n) {
      checkValue("order", n, whole(1));
      return n === 1
        ? trie.unigrams.reduce((sum, seen) => sum + (seen > 0 ? 1 : 0), 0)
        : (trie.levels[n - 2]?.ids.length ?? 0);
    },
    weight(ngram) {
      checkValue("ngram", ngram, tokenList);
      if (ngram.length === 1) return 1;
      const seen = count(ngram);
      if (seen === 0) return 0;
      let weight = seen / (trie.totals[ngram.length - 1] as number);
      for (let i = 0; i < ngram.length; i++)
        weight /= (trie.unigrams[ngram[i] as number] as number) / (trie.totals[0] as number);
      return weight;
    },
    lifts(history, ids, into) {
      checkValue("history", history, tokenList);
      if (ids !== undefined) checkValue("ids", ids, tokenList);
      const count = ids?.length ?? trie.vocabularySize;
      if (!(into instanceof Float64Array) || into.length < count)
        throw new DynamoError(
          "invalid-argument",
          `into: expected a Float64Array of at least ${count} elements, received ${into instanceof Float64Array ? into.length : "none"}`,
        );
      lifts ??= liftsOf(trie);
      lifts(history, ids, into);
    },
    match(candidates, matches) {
      if (
        !Array.isArray(candidates) ||
        // Holes, too: every() would pass over them.
        !Array.from(candidates).every((ids: unknown) => ids instanceof Int32Array) ||
        !isMatches(matches)
      )
        throw new DynamoError(
          "invalid-argument",
          "match() takes a list of Int32Arrays of candidates and { cells: Int32Array, weights: Float64Array, length }",
        );
      if (candidates.length < 2 || candidates.length > order) {
        throw new DynamoError(
          "invalid-argument",
          `this mask matches n-grams of order 2 to ${order}, received ${candidates.length} lists`,
        );
      }
      matcher(candidates, matches);
    },
  };
}

const isMatches = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  (value as NgramMatches).cells instanceof Int32Array &&
  (value as NgramMatches).weights instanceof Float64Array;

function countOf(trie: Trie, ngram: ArrayLike<number>, order: number): number {
  if (ngram.length < 1 || ngram.length > order) {
    throw new DynamoError(
      "invalid-argument",
      `this mask counts n-grams of order 1 to ${order}, received ${ngram.length} tokens`,
    );
  }
  const node = nodeOf(trie, ngram, 0, ngram.length);
  if (node < 0) return 0;
  return ngram.length === 1 ? (trie.unigrams[node] as number) : nodeCount(trie.levels[ngram.length - 2] as Level, node);
}

/** Scratch of one depth of the search, kept between calls: nothing is allocated on a decoding step's path. */
interface Depth {
  /** Rank + 1 of each token among the candidates, 0 for the others; cleared after each call. */
  readonly rankOf: Int32Array;
  /** Child node by rank, -1 for none; as long as the longest list so far. */
  nodes: Int32Array;
  /** T_1 / C_1 by rank. */
  inverse: Float64Array;
}

/** Looking a child list up costs this many comparisons for each candidate and doubling of its length. */
const searchCost = 2;

function createMatcher(trie: Trie): (candidates: readonly Int32Array[], matches: NgramMatches) => void {
  const depths: Depth[] = Array.from({ length: trie.levels.length + 1 }, () => ({
    rankOf: new Int32Array(trie.vocabularySize),
    nodes: new Int32Array(64),
    inverse: new Float64Array(64),
  }));

  function prepare(depth: Depth, ids: Int32Array): void {
    if (depth.nodes.length < ids.length) {
      depth.nodes = new Int32Array(ids.length);
      depth.inverse = new Float64Array(ids.length);
    }
    for (let rank = 0; rank < ids.length; rank++) {
      const id = ids[rank] as number;
      if (!(id >= 0 && id < trie.vocabularySize)) continue;
      depth.rankOf[id] = rank + 1;
      depth.inverse[rank] = (trie.totals[0] as number) / (trie.unigrams[id] as number);
    }
  }

  /** Fills `nodes` with the parent's children among the candidates: by walking the shorter of the two lists. */
  function children(level: Level, parent: number, ids: Int32Array, { rankOf, nodes }: Depth): boolean {
    const from = level.starts[parent] as number;
    const to = level.starts[parent + 1] as number;
    if (from === to) return false;
    nodes.fill(-1, 0, ids.length);
    let found = false;
    if (to - from <= ids.length * searchCost * (32 - Math.clz32(to - from))) {
      for (let node = from; node < to; node++) {
        const rank = rankOf[level.ids[node] as number] as number;
        if (rank === 0) continue;
        nodes[rank - 1] = node;
        found = true;
      }
      return found;
    }
    for (let rank = 0; rank < ids.length; rank++) {
      const node = search(level.ids, ids[rank] as number, from, to);
      nodes[rank] = node;
      if (node >= 0) found = true;
    }
    return found;
  }

  function descend(
    candidates: readonly Int32Array[],
    matches: NgramMatches,
    at: number,
    parent: number,
    cell: number,
    weight: number,
  ): void {
    const ids = candidates[at] as Int32Array;
    const depth = depths[at] as Depth;
    const level = trie.levels[at - 1] as Level;
    if (!children(level, parent, ids, depth)) return;
    const last = at === candidates.length - 1;
    for (let rank = 0; rank < ids.length; rank++) {
      const node = depth.nodes[rank] as number;
      if (node < 0) continue;
      const childCell = cell * ids.length + rank;
      const childWeight = weight * (depth.inverse[rank] as number);
      if (last) push(matches, childCell, childWeight * nodeCount(level, node));
      else descend(candidates, matches, at + 1, node, childCell, childWeight);
    }
  }

  return (candidates, matches) => {
    matches.length = 0;
    for (const [at, ids] of candidates.entries()) prepare(depths[at] as Depth, ids);
    const first = candidates[0] as Int32Array;
    const total = trie.totals[candidates.length - 1] as number;
    for (let rank = 0; rank < first.length; rank++) {
      const id = first[rank] as number;
      if (!(id >= 0 && id < trie.vocabularySize) || trie.unigrams[id] === 0) continue;
      descend(candidates, matches, 1, id, rank, ((depths[0] as Depth).inverse[rank] as number) / total);
    }
    for (const [at, ids] of candidates.entries()) clear(depths[at] as Depth, ids);
  };
}

function clear({ rankOf }: Depth, ids: Int32Array): void {
  for (let rank = 0; rank < ids.length; rank++) {
    const id = ids[rank] as number;
    if (id >= 0 && id < rankOf.length) rankOf[id] = 0;
  }
}

function push(matches: NgramMatches, cell: number, weight: number): void {
  if (matches.length === matches.cells.length) {
    const [cells, weights] = [matches.cells, matches.weights];
    matches.cells = new Int32Array(Math.max(256, 2 * cells.length));
    matches.weights = new Float64Array(matches.cells.length);
    matches.cells.set(cells);
    matches.weights.set(weights);
  }
  matches.cells[matches.length] = cell;
  matches.weights[matches.length] = weight;
  matches.length++;
}
