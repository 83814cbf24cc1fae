/**
 * The sorted trie behind a mask. Level n holds the stored n-grams in lexicographic order; the children of node p of level
 * n - 1 are the nodes starts[p] to starts[p + 1] of level n. Level 1 is dense: node = token id.
 */

export interface Level {
  /** The last token of each node, ascending under each parent: Uint16Array for vocabularies up to 65,536. */
  readonly ids: Uint16Array | Uint32Array;
  /** How often each n-gram was seen; `large` stands for a count of at least 65,535 that `largeCounts` holds. */
  readonly counts: Uint16Array;
  readonly starts: Uint32Array;
  /** Nodes whose counts are large, ascending, and those counts. */
  readonly largeNodes: Uint32Array;
  readonly largeCounts: Uint32Array;
}

/** The n-grams of a mask with their counts, level by level. */
export interface Trie {
  readonly vocabularySize: number;
  /** C_1 by token id. */
  readonly unigrams: Uint32Array;
  /** Levels 2 to `order`. */
  readonly levels: readonly Level[];
  /** T_n for n = 1 to `order`: n-grams counted in all, pruned ones included. */
  readonly totals: readonly number[];
  /** N-grams seen fewer times were left out. */
  readonly minCount: number;
}

/** Marks a count that does not fit 16 bits. */
export const large = 0xffff;

export const idsFor = (vocabularySize: number, length: number): Uint16Array | Uint32Array =>
  vocabularySize <= 65_536 ? new Uint16Array(length) : new Uint32Array(length);

/** N-grams of one order as a counter saw them: parent is the place of the first n - 1 tokens one level above. */
export interface CountedNgrams {
  readonly size: number;
  parent(place: number): number;
  token(place: number): number;
  count(place: number): number;
}

/** Builds a level from counts; `rankOf` maps the parents' places to their nodes. Returns the level and its own ranks. */
export function buildLevel(
  ngrams: CountedNgrams,
  rankOf: (place: number) => number,
  parents: number,
  vocabularySize: number,
  minCount: number,
): { readonly level: Level; readonly rankOf: (place: number) => number } {
  const kept = keep(ngrams, minCount);
  // Two stable counting sorts: by token, then by parent.
  const byToken = countingSort(kept, vocabularySize, (place) => ngrams.token(place));
  const sorted = countingSort(byToken, parents, (place) => rankOf(ngrams.parent(place)));
  const ids = idsFor(vocabularySize, sorted.length);
  const counts = new Uint16Array(sorted.length);
  const starts = new Uint32Array(parents + 1);
  const ranks = new Uint32Array(ngrams.size);
  const [largeNodes, largeCounts]: [number[], number[]] = [[], []];
  for (let node = 0; node < sorted.length; node++) {
    const place = sorted[node] as number;
    const count = ngrams.count(place);
    ranks[place] = node;
    ids[node] = ngrams.token(place);
    counts[node] = Math.min(count, large);
    if (count >= large) {
      largeNodes.push(node);
      largeCounts.push(count);
    }
    const after = rankOf(ngrams.parent(place)) + 1;
    starts[after] = (starts[after] as number) + 1;
  }
  for (let parent = 0; parent < parents; parent++)
    starts[parent + 1] = (starts[parent + 1] as number) + (starts[parent] as number);
  return {
    level: {
      ids,
      counts,
      starts,
      largeNodes: Uint32Array.from(largeNodes),
      largeCounts: Uint32Array.from(largeCounts),
    },
    rankOf: (place) => ranks[place] as number,
  };
}

function keep(ngrams: CountedNgrams, minCount: number): Uint32Array {
  const kept = new Uint32Array(ngrams.size);
  let length = 0;
  for (let place = 0; place < ngrams.size; place++) if (ngrams.count(place) >= minCount) kept[length++] = place;
  return kept.subarray(0, length);
}

function countingSort(places: Uint32Array, keys: number, keyOf: (place: number) => number): Uint32Array {
  const ends = new Uint32Array(keys + 1);
  for (const place of places) {
    const after = keyOf(place) + 1;
    ends[after] = (ends[after] as number) + 1;
  }
  for (let key = 0; key < keys; key++) ends[key + 1] = (ends[key + 1] as number) + (ends[key] as number);
  const sorted = new Uint32Array(places.length);
  for (const place of places) {
    const key = keyOf(place);
    const at = ends[key] as number;
    sorted[at] = place;
    ends[key] = at + 1;
  }
  return sorted;
}
