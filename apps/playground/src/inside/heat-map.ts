/** A joint as the squares of a heat map: ranks of the first two heads, the ranks of the others held. */
import type { HeadDistribution, SparseGrid } from "@dynamo/decode";

export interface Square {
  /** Ranks of the first and the second head, from 0. */
  readonly first: number;
  readonly second: number;
  readonly value: number;
}

export interface SliceOptions {
  /** Ranks shown along each side. */
  readonly size: number;
  /** The ranks of heads 3, 4, …: as many as the order has beyond 2. */
  readonly held: readonly number[];
}

/** The squares of a joint that are not 0. */
export function sliceOf({ shape, cells, values, length }: SparseGrid, { size, held }: SliceOptions): Square[] {
  const rest = shape.slice(2);
  const stride = rest.reduce((product, each) => product * each, 1);
  const offset = rest.reduce((cell, each, i) => cell * each + (held[i] ?? 0), 0);
  const width = shape[1] ?? 1;
  const squares: Square[] = [];
  for (let i = 0; i < length; i++) {
    const cell = cells[i] as number;
    if (cell % stride !== offset) continue;
    const pair = Math.floor(cell / stride);
    const [first, second] = [Math.floor(pair / width), pair % width];
    const value = values[i] as number;
    if (first < size && second < size && value > 0) squares.push({ first, second, value });
  }
  return squares;
}

/** The same squares of the heads' product, of which no list is made. */
export function productSlice(heads: readonly HeadDistribution[], { size, held }: SliceOptions): Square[] {
  const at = (head: number, rank: number): number => heads[head]?.probabilities[rank] ?? 0;
  const others = heads.slice(2).reduce((product, _, i) => product * at(i + 2, held[i] ?? 0), 1);
  const squares: Square[] = [];
  for (let first = 0; first < Math.min(size, heads[0]?.ids.length ?? 0); first++) {
    for (let second = 0; second < Math.min(size, heads[1]?.ids.length ?? 0); second++) {
      const value = at(0, first) * at(1, second) * others;
      if (value > 0) squares.push({ first, second, value });
    }
  }
  return squares;
}

/** A token's ranks in the heads, for the mark; undefined for a tuple that is not in the grid. */
export function ranksOf(heads: readonly HeadDistribution[], tuple: readonly number[]): number[] | undefined {
  const ranks = tuple.map((token, axis) => heads[axis]?.ids.indexOf(token) ?? -1);
  return ranks.includes(-1) ? undefined : ranks;
}

/** A token as a label: blanks that would not be seen are drawn, and long ones cut. */
export function tokenLabel(text: string): string {
  const visible = text.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replace(/^ /, "·");
  return visible === "" ? "∅" : visible.length > 12 ? `${visible.slice(0, 11)}…` : visible;
}
