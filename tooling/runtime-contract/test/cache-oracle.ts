/** A KV cache as plain lists, and random programs over caches: what every implementation is compared with. */
import { tensor, type CacheLayout, type CacheTensor, type Tensor } from "@dynamo/core";
import fc from "fast-check";

/** One row of a cache as plain lists. */
export interface OracleRow {
  /** positions[position][head of all][dim] */
  positions: number[][][];
  /** Positions that the row held at most: a ring has lost what lies further before these than it has room. */
  most: number;
}

export type Oracle = OracleRow[];

export type Step =
  | {
      readonly kind: "pass";
      /** Which of two caches. */
      readonly cache: number;
      readonly keep: readonly number[];
      readonly newPositions: number;
      readonly used: readonly number[];
    }
  | {
      readonly kind: "copy";
      readonly source: number;
      readonly cache: number;
      readonly from: number;
      readonly to: number;
      readonly share: number;
    }
  | { readonly kind: "trim"; readonly cache: number };

/**
 * Passes over the first rows, each kept row first cut back to a share of its length (rejected drafts), with padding behind
 * the positions that a row really uses; and copies of rows, within one of two caches or between them (the second has a row more); and caches trimmed to their longest row.
 */
export function programs(rows: number, maxLength: number): fc.Arbitrary<Step[]> {
  const share = fc.integer({ min: 0, max: 4 }).map((quarters) => 1 - quarters / 8);
  const pass = fc.integer({ min: 1, max: rows }).chain((count) =>
    fc.integer({ min: 1, max: Math.ceil(maxLength / 2) }).chain((newPositions) =>
      fc.record({
        kind: fc.constant("pass" as const),
        cache: fc.nat(1),
        keep: fc.array(share, { minLength: count, maxLength: count }),
        newPositions: fc.constant(newPositions),
        used: fc.array(fc.integer({ min: 0, max: newPositions }), { minLength: count, maxLength: count }),
      }),
    ),
  );
  const row = fc.integer({ min: 0, max: rows - 1 });
  const copy = fc.record({
    kind: fc.constant("copy" as const),
    source: fc.nat(1),
    cache: fc.nat(1),
    from: row,
    to: row,
    share,
  });
  const trim = fc.record({ kind: fc.constant("trim" as const), cache: fc.nat(1) });
  const step = fc.oneof({ weight: 4, arbitrary: pass }, { weight: 1, arbitrary: copy }, { weight: 1, arbitrary: trim });
  return fc.array(step, {
    minLength: 1,
    maxLength: 10,
  });
}

/** Positions of the longest row. */
export const longest = (oracle: Oracle): number => Math.max(...oracle.map(({ positions }) => positions.length));

/** What row `from` becomes as a copy of its first `length` positions. */
export const copyOf = ({ positions, most }: OracleRow, length: number): OracleRow => ({
  positions: positions.slice(0, length),
  most,
});

export function emptyOracle(rows: number): Oracle {
  return Array.from({ length: rows }, () => ({ positions: [], most: 0 }));
}

/** Cuts the rows of a pass back, and returns how many of the used positions still fit each. */
export function startPass(oracle: Oracle, step: Extract<Step, { kind: "pass" }>, maxLength: number): number[] {
  return step.keep.map((share, row) => {
    const held = oracle[row] as OracleRow;
    const { positions } = held;
    positions.length = Math.floor(positions.length * share);
    if (positions.length === 0) held.most = 0;
    return Math.min(step.used[row] as number, maxLength - positions.length);
  });
}

/** New keys and values, every element different and exact in float16: [rows, heads, S, headSize]. */
export function freshValues(layout: CacheLayout, rows: number, newPositions: number, seed: number): Tensor {
  const heads = layout.tensors.reduce((sum, tensorOf) => sum + tensorOf.heads, 0);
  const dims = [rows, heads, newPositions, headSizeOf(layout)];
  const size = dims.reduce((product, dim) => product * dim, 1);
  // As float16 bits, 1 to 29,999 are normal or subnormal numbers, never NaN; as float32 they are whole numbers.
  const value = (i: number): number => ((i * 7 + seed * 131) % 29_999) + 1;
  return layout.dtype === "float32"
    ? tensor(
        "float32",
        dims,
        Float32Array.from({ length: size }, (_, i) => value(i)),
      )
    : tensor(
        "float16",
        dims,
        Uint16Array.from({ length: size }, (_, i) => value(i)),
      );
}

/** Appends each row's used positions of `fresh`. */
export function appendToOracle(oracle: Oracle, fresh: Tensor, used: readonly number[]): void {
  const [, heads, newPositions, headSize] = fresh.dims as [number, number, number, number];
  for (const [row, count] of used.entries()) {
    for (let s = 0; s < count; s++) {
      const position = Array.from({ length: heads }, (_, head) =>
        Array.from({ length: headSize }, (_, dim) =>
          Number(fresh.data[((row * heads + head) * newPositions + s) * headSize + dim]),
        ),
      );
      oracle[row]?.positions.push(position);
    }
    const held = oracle[row] as OracleRow;
    held.most = Math.max(held.most, held.positions.length);
  }
}

/** The first position and dim at which a cache tensor [rows, ...] differs from the oracle; undefined when none does. */
export function firstDifference(
  oracle: Oracle,
  layout: CacheLayout,
  seen: { readonly name: string; readonly dims: readonly number[]; readonly data: ArrayLike<number | bigint> },
): string | undefined {
  const index = layout.tensors.findIndex(({ name }) => name === seen.name);
  const { kind, heads, headSize, room = Infinity } = layout.tensors[index] as CacheTensor;
  const firstHead = layout.tensors.slice(0, index).reduce((sum, tensorOf) => sum + tensorOf.heads, 0);
  const capacity = seen.dims[kind === "key" ? 3 : 2] as number;
  for (let row = 0; row < (seen.dims[0] as number); row++) {
    const { positions, most } = oracle[row] as OracleRow;
    for (const [position, values] of positions.entries()) {
      if (position < most - room) continue;
      const place = position % capacity;
      for (let head = 0; head < heads; head++) {
        for (let dim = 0; dim < headSize; dim++) {
          const line = row * heads + head;
          const at =
            kind === "key" ? (line * headSize + dim) * capacity + place : (line * capacity + place) * headSize + dim;
          const expected = values[firstHead + head]?.[dim];
          if (Number(seen.data[at]) !== expected) {
            return `${seen.name} row ${row} position ${position} head ${head} dim ${dim}: expected ${String(expected)}, received ${String(seen.data[at])}`;
          }
        }
      }
    }
  }
  return undefined;
}

function headSizeOf(layout: CacheLayout): number {
  return (layout.tensors[0] as CacheTensor).headSize;
}
