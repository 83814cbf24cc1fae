/** Repetition penalty (step 6 of the decoding step): J / penalty^r, r = tokens of the tuple that repeat. */
import { power } from "./exponential.js";
import type { SparseGrid } from "./grid.js";
import type { HeadDistribution } from "./head-distribution.js";

export interface Repetition {
  /** Notes which of the heads' candidates stand in the context. */
  look(context: ArrayLike<number>, heads: readonly HeadDistribution[]): void;
  /** Divides each cell by penalty^r; r counts tokens that stand in the context or earlier in the tuple. */
  apply(joint: SparseGrid, heads: readonly HeadDistribution[], penalty: number): void;
}

export function createRepetition(): Repetition {
  /** The last call of `look` in whose context each token stood. */
  let seenIn = new Uint32Array(1024);
  let call = 0;
  const tuple: number[] = [];
  return {
    look(context, heads) {
      call++;
      let largest = 0;
      for (const { ids } of heads)
        for (let rank = 0; rank < ids.length; rank++) largest = Math.max(largest, ids[rank] as number);
      if (largest >= seenIn.length) seenIn = new Uint32Array(2 * largest);
      for (let i = 0; i < context.length; i++) seenIn[context[i] as number] = call;
    },
    apply({ shape, cells, values, length }, heads, penalty) {
      if (penalty === 1) return;
      for (let i = 0; i < length; i++) {
        let rest = cells[i] as number;
        for (let axis = shape.length - 1; axis >= 0; axis--) {
          const size = shape[axis] as number;
          tuple[axis] = (heads[axis] as HeadDistribution).ids[rest % size] as number;
          rest = Math.floor(rest / size);
        }
        let repeated = 0;
        for (let axis = 0; axis < shape.length; axis++) {
          const token = tuple[axis] as number;
          if (seenIn[token] === call || tuple.indexOf(token) < axis) repeated++;
        }
        if (repeated > 0) values[i] = (values[i] as number) / power(penalty, repeated);
      }
    },
  };
}
