/** The KV cache in host memory, for cpu and cuda: a pass reads it in place, and JavaScript writes the new positions. */
import { allocate, DynamoError, type CacheLayout, type CacheTensor } from "@dynamo/core";
import {
  cacheDims,
  capacityFor,
  checkAppend,
  checkCopy,
  checkLayout,
  checkTrim,
  hostGrowth,
  keptCounts,
  roomOf,
  totalHeads,
  type Appended,
} from "./cache-layout.js";

/** Memory is taken ahead by half: address space, which the system fills in only when it is written to. */
const reserveFactor = 1.5;

/** A cache's elements: float32, or float16 as its bits. */
export type CacheArray = Float32Array | Uint16Array;

/** A KV cache in this machine's memory. */
export interface HostCache {
  readonly layout: CacheLayout;
  /** Positions that each row may have now; tensors with a room of their own hold the newest of them. */
  readonly capacity: number;
  /** Every tensor's first `rows` rows: views, valid until the next `append` or `dispose`. */
  view(rows: number): readonly { readonly name: string; readonly dims: readonly number[]; readonly data: CacheArray }[];
  /** Throws `invalid-argument` when such a pass cannot be; call it before the pass. */
  check(pass: Appended): void;
  /** Writes `delta` [lengths.length, heads of all tensors, newPositions, headSize] behind each row's length, but for padding. */
  append(delta: CacheArray, pass: Appended): void;
  /** `source` is another cache of the same tensors; default: this one. */
  copyRow(from: number, to: number, length: number, source?: HostCache): void;
  /** Shrinks to what `length` positions need, when that is at most half; the memory stays for the next growth. */
  trim(length: number): void;
  dispose(): void;
}

/** Zeroed, with room for one step: memory that no position was written to is never NaN. */
export function createHostCache(layout: CacheLayout): HostCache {
  checkLayout(layout);
  const { rows, maxLength } = layout;
  let capacity = capacityFor(1, maxLength, hostGrowth);
  // Positions that the arrays could hold. Most growth only moves lines apart in memory that is there: fresh memory costs a
  // page fault every 4 KiB, several times what the copying does.
  let reserved = capacity;
  let arrays = layout.tensors.map((tensor) => allocateTensor(layout, tensor, reserved));

  function grow(needed: number): void {
    if (needed <= capacity) return;
    const old = capacity;
    capacity = capacityFor(needed, maxLength, hostGrowth);
    if (capacity > reserved) {
      reserved = Math.min(Math.max(capacity, Math.ceil(reserved * reserveFactor)), maxLength);
      const from = arrays;
      arrays = layout.tensors.map((tensor, i) => {
        const larger = allocateTensor(layout, tensor, reserved);
        const used = lineCount(tensor, rows) * lineLength(tensor, roomOf(tensor, old));
        larger.set((from[i] as CacheArray).subarray(0, used));
        return larger;
      });
    }
    for (const [i, tensor] of layout.tensors.entries()) spread(arrays[i] as CacheArray, tensor, rows, old, capacity);
  }

  const own: HostCache = {
    layout,
    get capacity() {
      return capacity;
    },
    view: (count) =>
      layout.tensors.map((tensor, i) => ({
        name: tensor.name,
        dims: cacheDims(tensor, count, roomOf(tensor, capacity)),
        data: (arrays[i] as CacheArray).subarray(0, count * tensor.heads * tensor.headSize * roomOf(tensor, capacity)),
      })),
    check: (pass) => {
      checkAppend(layout, pass, capacity);
    },
    append(delta, pass) {
      const { lengths, newPositions } = pass;
      const expected = lengths.length * totalHeads(layout) * newPositions * (layout.tensors[0] as CacheTensor).headSize;
      if (delta.length !== expected) {
        throw new DynamoError("runtime", `${layout.delta}: expected ${expected} elements, received ${delta.length}`);
      }
      const counts = keptCounts(layout, pass);
      grow(Math.max(...lengths.map((length, row) => length + (counts[row] as number))));
      writeDelta(layout, arrays, capacity, delta, { lengths, newPositions, counts });
    },
    copyRow(from, to, length, source = own) {
      checkCopy(layout, source.layout, { from, to, length, held: source.capacity });
      grow(Math.min(length, maxLength));
      const theirs = source.view(source.layout.rows);
      for (const [i, tensor] of layout.tensors.entries()) {
        const given = { data: theirs[i]?.data as CacheArray, capacity: source.capacity, row: from };
        copyTensorRow(tensor, given, { data: arrays[i] as CacheArray, capacity, row: to }, length);
      }
    },
    trim(length) {
      checkTrim(layout, length);
      const old = capacity;
      const next = capacityFor(length, maxLength, hostGrowth);
      if (2 * next > old) return;
      capacity = next;
      for (const [i, tensor] of layout.tensors.entries()) narrow(arrays[i] as CacheArray, tensor, rows, old, next);
    },
    dispose() {
      arrays = [];
    },
  };
  return own;
}

function allocateTensor(layout: CacheLayout, tensor: CacheTensor, capacity: number): CacheArray {
  const { heads, headSize } = tensor;
  return allocate(layout.dtype, layout.rows * heads * headSize * roomOf(tensor, capacity));
}

/** Moves a tensor's lines apart, to room for `next` positions each, and zeroes what comes between them. */
function spread(cache: CacheArray, tensor: CacheTensor, rows: number, old: number, next: number): void {
  const [from, to] = [lineLength(tensor, roomOf(tensor, old)), lineLength(tensor, roomOf(tensor, next))];
  if (from === to) return;
  // From the last line on, so that no line is written over before it has moved.
  for (let line = lineCount(tensor, rows) - 1; line >= 0; line--) {
    cache.copyWithin(line * to, line * from, (line + 1) * from);
    cache.fill(0, line * to + from, (line + 1) * to);
  }
}

/** Moves a tensor's lines together, to room for `next` positions each. */
function narrow(cache: CacheArray, tensor: CacheTensor, rows: number, old: number, next: number): void {
  const [from, to] = [lineLength(tensor, roomOf(tensor, old)), lineLength(tensor, roomOf(tensor, next))];
  for (let line = 0; line < lineCount(tensor, rows); line++) cache.copyWithin(line * to, line * from, line * from + to);
}

/** A line is what lies together along the positions: one dim of one head's keys, or all of one head's values. */
function lineCount({ kind, heads, headSize }: CacheTensor, rows: number): number {
  return kind === "key" ? rows * heads * headSize : rows * heads;
}

function lineLength({ kind, headSize }: CacheTensor, positions: number): number {
  return kind === "key" ? positions : positions * headSize;
}

function writeDelta(
  layout: CacheLayout,
  arrays: readonly CacheArray[],
  capacity: number,
  delta: CacheArray,
  { lengths, newPositions, counts }: Required<Appended>,
): void {
  let source = 0;
  for (let row = 0; row < lengths.length; row++) {
    const [length, count] = [lengths[row] as number, counts[row] as number];
    for (let i = 0; i < arrays.length; i++) {
      const tensor = layout.tensors[i] as CacheTensor;
      const { kind, heads, headSize } = tensor;
      const cache = arrays[i] as CacheArray;
      const write = kind === "key" ? writeKeys : writeValues;
      const room = roomOf(tensor, capacity);
      // In a ring the oldest of many new positions would be written over by the newest.
      const skipped = Math.max(0, count - room);
      const place = (length + skipped) % room;
      const straight = Math.min(count - skipped, room - place);
      const wrapped = count - skipped - straight;
      for (let head = 0; head < heads; head++) {
        const line = (row * heads + head) * headSize * room;
        const first = source + skipped * headSize;
        write(cache, line, room, delta, first, place, straight, headSize);
        if (wrapped > 0) write(cache, line, room, delta, first + straight * headSize, 0, wrapped, headSize);
        source += newPositions * headSize;
      }
    }
  }
}

/** One head's keys: transposed, so each dim's new positions lie `room` apart from the next dim's. */
function writeKeys(
  cache: CacheArray,
  line: number,
  room: number,
  delta: CacheArray,
  source: number,
  place: number,
  count: number,
  headSize: number,
): void {
  for (let dim = 0; dim < headSize; dim++) {
    const target = line + dim * room + place;
    for (let s = 0; s < count; s++) cache[target + s] = delta[source + s * headSize + dim] as number;
  }
}

function writeValues(
  cache: CacheArray,
  line: number,
  _room: number,
  delta: CacheArray,
  source: number,
  place: number,
  count: number,
  headSize: number,
): void {
  const target = line + place * headSize;
  const elements = count * headSize;
  for (let i = 0; i < elements; i++) cache[target + i] = delta[source + i] as number;
}

/** A row of one tensor, in whichever cache. */
interface TensorRow {
  readonly data: CacheArray;
  readonly capacity: number;
  readonly row: number;
}

function copyTensorRow(tensor: CacheTensor, from: TensorRow, to: TensorRow, length: number): void {
  const copied = lineLength(tensor, roomOf(tensor, length));
  const [source, target] = [from, to].map(({ capacity, row }) => ({
    whole: lineLength(tensor, roomOf(tensor, capacity)),
    start: row * tensor.heads * tensor.headSize * roomOf(tensor, capacity),
  })) as [{ whole: number; start: number }, { whole: number; start: number }];
  for (let line = 0; line < lineCount(tensor, 1); line++) {
    const start = source.start + line * source.whole;
    to.data.set(from.data.subarray(start, start + copied), target.start + line * target.whole);
  }
}
