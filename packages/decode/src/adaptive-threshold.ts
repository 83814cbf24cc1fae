/** The adaptive threshold (step 5 of the decoding step; paper, section 3.2 and Algorithm 1). */
import { blurVector, createBlur } from "./blur.js";
import { cellCount, emptyGrid, filter, rankAlong, type SparseGrid } from "./grid.js";
import type { HeadDistribution } from "./head-distribution.js";
import { otsuThreshold } from "./otsu.js";

export interface AdaptiveOptions {
  readonly blur: boolean;
  /** The joint is the heads' product at every cell, so its blur is the product of their blurs. */
  readonly whole: boolean;
  /** Leave the joint as it is when nothing would be left: between two peaks the blur may be highest where J is 0. */
  readonly keepSome: boolean;
}

/**
 * Zeroes the joint's cells whose (blurred) value is at most Otsu's threshold of all the grid's (blurred) values. Returns
 * the threshold, undefined when all values are equal and nothing happens.
 */
export type AdaptiveThreshold = (
  joint: SparseGrid,
  heads: readonly HeadDistribution[],
  options: AdaptiveOptions,
) => number | undefined;

export function createAdaptiveThreshold(): AdaptiveThreshold {
  const blurInto = createBlur();
  const all = emptyGrid();
  const own = emptyGrid();
  return (joint, heads, { blur, whole, keepSome }) => {
    if (!blur) return cut(joint, joint.values, joint.values, joint.length, keepSome);
    if (whole) {
      const values = productOfBlurs(joint, heads);
      return cut(joint, values, values, joint.length, keepSome);
    }
    blurInto(joint, all, own);
    return cut(joint, own.values, all.values, all.length, keepSome);
  };
}

/** `own` are the values of the joint's cells, `all` those of all cells that are not 0. */
function cut(
  joint: SparseGrid,
  own: Float64Array,
  all: Float64Array,
  length: number,
  keepSome: boolean,
): number | undefined {
  const threshold = otsuThreshold(all, length, cellCount(joint.shape) - length);
  if (threshold === undefined) return undefined;
  const survives = (i: number): boolean => (own[i] as number) > threshold;
  if (keepSome && !someIndex(joint.length, survives)) return threshold;
  // filter() moves values down as it goes, and never past the one it asks about.
  filter(joint, survives);
  return threshold;
}

function someIndex(length: number, test: (index: number) => boolean): boolean {
  for (let i = 0; i < length; i++) if (test(i)) return true;
  return false;
}

function productOfBlurs({ shape, cells, length }: SparseGrid, heads: readonly HeadDistribution[]): Float64Array {
  const vectors = heads.map(({ probabilities }) => blurVector(probabilities));
  const values = new Float64Array(length);
  for (let i = 0; i < length; i++) {
    let value = 1;
    for (let axis = 0; axis < shape.length; axis++) {
      value *= (vectors[axis] as Float64Array)[rankAlong(shape, cells[i] as number, axis)] as number;
    }
    values[i] = value;
  }
  return values;
}
