/** Keys and values of texts that have ended, kept for prompts that begin alike: chat turns, system prompts. */
import type { KvCache, LanguageModel } from "@dynamo/core";

/** What a row of a cache holds. */
export interface HeldRow {
  readonly cache: KvCache;
  readonly row: number;
  readonly tokens: ArrayLike<number>;
  /** Whether every pass over these tokens computed all heads: only then can a row that needs them all go on from here. */
  readonly allHeads: boolean;
  /** Whose text it is: nobody else learns of it. */
  readonly scope: string;
  /** Whose scope it is. */
  readonly owner: string;
}

export interface PrefixQuery {
  readonly prompt: Int32Array;
  readonly scope: string;
  readonly needsAllHeads: boolean;
}

export interface PrefixStore {
  /** Tokens of all texts that are kept. */
  readonly tokens: number;
  /**
   * The scope's row here or among `others` that begins like the prompt for longest, as far as its cache can go back there, and for how
   * long; at most all but its last token.
   */
  find(query: PrefixQuery, others: readonly HeldRow[]): Prefix | undefined;
  /** Keeps a copy of the row, in the place of one of the owner with most of them. */
  keep(row: HeldRow): Promise<void>;
  dispose(): Promise<void>;
}

export interface Prefix {
  readonly held: HeldRow;
  readonly length: number;
}

/** Fewer positions are computed as fast as they are copied. */
const leastPrefix = 8;

interface KeptRow extends HeldRow {
  readonly tokens: Int32Array;
  usedAt: number;
}

/** Room for so many texts; 0 keeps none. */
export async function prefixStore(model: LanguageModel, rows: number): Promise<PrefixStore> {
  const cache = rows === 0 ? undefined : await model.createCache({ rows });
  const kept: KeptRow[] = [];
  let clock = 0;

  return {
    get tokens() {
      return kept.reduce((sum, { tokens }) => sum + tokens.length, 0);
    },
    find({ prompt, scope, needsAllHeads }, others) {
      let best: Prefix | undefined;
      for (const held of [...kept, ...others]) {
        if (held.scope !== scope || (needsAllHeads && !held.allHeads)) continue;
        const common = commonPrefix(prompt.subarray(0, prompt.length - 1), held.tokens);
        const length = held.cache.reachable(held.row, common);
        if (length >= leastPrefix && length > (best?.length ?? 0)) best = { held, length };
      }
      const own = kept.find((row) => row === best?.held);
      if (own !== undefined) own.usedAt = clock++;
      return best;
    },
    async keep(held) {
      const { cache: source, row, ...text } = held;
      const { tokens } = text;
      if (cache === undefined || tokens.length < leastPrefix) return;
      const place = placeFor(kept, rows, held);
      const made: KeptRow = { ...text, cache, row: place, tokens: Int32Array.from(tokens), usedAt: clock++ };
      // Gone first: a copy that fails leaves nothing that is only half there.
      const old = kept.findIndex((each) => each.row === place);
      if (old >= 0) kept.splice(old, 1);
      await cache.copyRow(row, place, tokens.length, source);
      kept.push(made);
    },
    async dispose() {
      kept.length = 0;
      await cache?.dispose();
    },
  };
}

/** A row that the new one makes needless, else a free one, else one of those that `unfair` gives, used least recently. */
function placeFor(kept: readonly KeptRow[], rows: number, held: HeldRow): number {
  const { tokens, allHeads, scope } = held;
  const covered = kept.find(
    (row) =>
      row.scope === scope && (allHeads || !row.allHeads) && commonPrefix(row.tokens, tokens) === row.tokens.length,
  );
  if (covered !== undefined) return covered.row;
  const used = new Set(kept.map(({ row }) => row));
  const free = Array.from({ length: rows }, (_, row) => row).find((row) => !used.has(row));
  if (free !== undefined) return free;
  return unfair(kept, held).reduce((oldest, row) => (row.usedAt < oldest.usedAt ? row : oldest)).row;
}

/**
 * Rows of the owner who would have most of them with the new one; of several, the new one's owner. So nobody's rows go for somebody
 * who has as many: what one owner finds kept does not tell how busy another is, while there are rows for a share each.
 */
function unfair(kept: readonly KeptRow[], { owner }: HeldRow): readonly KeptRow[] {
  const counts = new Map([[owner, 1]]);
  for (const row of kept) counts.set(row.owner, (counts.get(row.owner) ?? 0) + 1);
  const most = Math.max(...counts.values());
  const own = kept.filter((row) => row.owner === owner);
  if (own.length > 0 && counts.get(owner) === most) return own;
  return kept.filter((row) => counts.get(row.owner) === most);
}

function commonPrefix(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
