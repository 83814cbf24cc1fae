/** Blur of a sparse grid with [¼ ½ ¼] along every axis (part of step 5 of the decoding step). */
import { cellCount, push, type SparseGrid } from "./grid.js";

/** Cell → sum, by open addressing: a blur touches 3^n neighbours a cell, never the dense grid. */
interface Accumulator {
  keys: Int32Array;
  sums: Float64Array;
  /** Slots in use, to be cleared. */
  used: Int32Array;
  size: number;
}

/** Writes all non-zero values of the blurred grid, in no particular order, and those at the joint's own cells, in its. */
export type Blur = (joint: SparseGrid, all: SparseGrid, own: SparseGrid) => void;

/** A blur with scratch of its own, reused from call to call. */
export function createBlur(): Blur {
  const sums: Accumulator = {
    keys: new Int32Array(1024).fill(-1),
    sums: new Float64Array(1024),
    used: new Int32Array(512),
    size: 0,
  };
  return (joint, all, own) => {
    const { shape } = joint;
    const neighbours = Math.min(3 ** shape.length * joint.length, cellCount(shape));
    reserveSlots(sums, neighbours);
    for (let i = 0; i < joint.length; i++)
      spread(shape, sums, joint.cells[i] as number, joint.values[i] as number, shape.length - 1, 1, 0);
    own.length = 0;
    for (let i = 0; i < joint.length; i++) push(own, joint.cells[i] as number, valueAt(sums, joint.cells[i] as number));
    all.length = 0;
    for (let i = 0; i < sums.size; i++) {
      const slot = sums.used[i] as number;
      push(all, sums.keys[slot] as number, sums.sums[slot] as number);
      sums.keys[slot] = -1;
    }
    sums.size = 0;
  };
}

/** What rank `from` gives to rank `to`, its neighbour or itself: the border is mirrored without repeating the edge. */
function kernel(from: number, to: number, size: number): number {
  if (size === 1) return 1;
  if (from === to) return 0.5;
  return to === 0 || to === size - 1 ? 0.5 : 0.25;
}

function spread(
  shape: readonly number[],
  sums: Accumulator,
  rest: number,
  value: number,
  axis: number,
  stride: number,
  cell: number,
): void {
  if (axis < 0) {
    add(sums, cell, value);
    return;
  }
  const size = shape[axis] as number;
  const rank = rest % size;
  const next = Math.floor(rest / size);
  for (let to = Math.max(0, rank - 1); to <= Math.min(size - 1, rank + 1); to++) {
    spread(shape, sums, next, value * kernel(rank, to, size), axis - 1, stride * size, cell + to * stride);
  }
}

/** Where a cell stands, or the free slot where it would. */
function slotOf({ keys }: Accumulator, cell: number): number {
  const mask = keys.length - 1;
  let slot = (Math.imul(cell, 0x9e3779b1) >>> 12) & mask;
  while (keys[slot] !== -1 && keys[slot] !== cell) slot = (slot + 1) & mask;
  return slot;
}

const valueAt = (sums: Accumulator, cell: number): number => sums.sums[slotOf(sums, cell)] as number;

function add(sums: Accumulator, cell: number, value: number): void {
  const { keys } = sums;
  const slot = slotOf(sums, cell);
  if (keys[slot] === cell) {
    sums.sums[slot] = (sums.sums[slot] as number) + value;
    return;
  }
  keys[slot] = cell;
  sums.sums[slot] = value;
  sums.used[sums.size++] = slot;
}

function reserveSlots(sums: Accumulator, entries: number): void {
  if (sums.used.length >= entries) return;
  const slots = 2 ** Math.ceil(Math.log2(2 * entries));
  sums.keys = new Int32Array(slots).fill(-1);
  sums.sums = new Float64Array(slots);
  sums.used = new Int32Array(slots / 2);
}

/** A vector blurred along its one axis: the blur of a product is the product of the blurred factors. */
export function blurVector(vector: Float64Array): Float64Array {
  const size = vector.length;
  return vector.map((_, to) => {
    let total = 0;
    for (let from = Math.max(0, to - 1); from <= Math.min(size - 1, to + 1); from++) {
      total += (vector[from] as number) * kernel(from, to, size);
    }
    return total;
  });
}
