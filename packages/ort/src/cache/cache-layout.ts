/** Checks of cache layouts and how much room a cache makes; shared by the host's and the GPU's cache. */
import { DynamoError, type CacheAppend, type CacheLayout, type CacheTensor } from "@dynamo/core";
import { checkValue, oneOf, whole } from "@dynamo/core/options";

/** Bounds on what a layout may ask for, against a damaged config: far beyond any model, far below an overflow. */
const maxRows = 4096;
const maxPositions = 2 ** 24;
const maxTensors = 4096;

/** How a cache grows: in steps of at least `step` positions, and of at most 1/`share` of what is needed. */
export interface Growth {
  readonly step: number;
  readonly share: number;
}

/** A pass computes over the whole capacity, so the host keeps at most 64 positions or a sixteenth idle. */
export const hostGrowth: Growth = { step: 64, share: 16 };
/** Every new capacity costs the GPU new shaders and a copy, while idle positions cost it little. */
export const gpuGrowth: Growth = { step: 256, share: 4 };

/** The capacity for `needed` positions: never 0 (graphs see no empty dims), never more than `maxLength`. */
export function capacityFor(needed: number, maxLength: number, { step, share }: Growth): number {
  const grain = Math.max(step, Math.floor(needed / share / step) * step);
  return Math.min(Math.ceil(Math.max(needed, 1) / grain) * grain, maxLength);
}

/** All heads of a layout together: the second dim of `delta`. */
export function totalHeads(layout: Pick<CacheLayout, "tensors">): number {
  return layout.tensors.reduce((sum, { heads }) => sum + heads, 0);
}

/** The dims of one cache tensor; a name stands for a size that a graph leaves open. */
export function cacheDims<Size extends number | string = number>(
  { kind, heads, headSize }: CacheTensor,
  rows: Size | number,
  capacity: Size,
): (number | Size)[] {
  return kind === "key" ? [rows, heads, headSize, capacity] : [rows, heads, capacity, headSize];
}

/** Throws `invalid-argument` for a layout that no cache can have. */
export function checkLayout(layout: CacheLayout): void {
  checkValue("rows", layout.rows, whole(1, maxRows));
  checkValue("maxLength", layout.maxLength, whole(1, maxPositions));
  checkValue("number of cache tensors", layout.tensors.length, whole(1, maxTensors));
  checkValue("dtype of a cache", layout.dtype, oneOf("float32", "float16"));
  const { headSize } = layout.tensors[0] as CacheTensor;
  for (const tensor of layout.tensors) {
    checkValue(`kind of ${tensor.name}`, tensor.kind, oneOf("key", "value"));
    checkValue(`heads of ${tensor.name}`, tensor.heads, whole(1, 2 ** 16));
    checkValue(`headSize of ${tensor.name}`, tensor.headSize, whole(1, 2 ** 16));
    if (tensor.room !== undefined) checkValue(`room of ${tensor.name}`, tensor.room, whole(1, maxPositions));
    if (tensor.headSize !== headSize) {
      throw new DynamoError(
        "invalid-argument",
        `cache tensors share one headSize because ${layout.delta} packs them: expected ${headSize}, received ${tensor.headSize} for ${tensor.name}`,
      );
    }
  }
  const names = new Set(layout.tensors.map(({ name }) => name));
  if (names.size !== layout.tensors.length) {
    throw new DynamoError("invalid-argument", "a cache layout names a tensor twice");
  }
}

/** What a pass appends to which rows. */
export type Appended = Omit<CacheAppend, "cache">;

/** Throws `invalid-argument` unless a pass over `lengths` fits the cache. */
export function checkAppend(layout: CacheLayout, { lengths, newPositions, counts }: Appended, held: number): void {
  checkValue("number of lengths", lengths.length, whole(1, layout.rows));
  checkValue("newPositions", newPositions, whole(1, maxPositions));
  for (const length of lengths) checkValue("cache length", length, whole(0, held));
  if (counts === undefined) return;
  checkValue("number of counts", counts.length, whole(lengths.length, lengths.length));
  for (const count of counts) checkValue("count of new positions", count, whole(0, newPositions));
}

/** How many of its new positions each row keeps: no padding, and none from maxLength on. */
export const keptCounts = ({ maxLength }: CacheLayout, { lengths, newPositions, counts }: Appended): number[] =>
  lengths.map((length, row) => Math.max(0, Math.min(counts?.[row] ?? newPositions, maxLength - length)));

/** Positions that a tensor holds in a cache with room for so many. */
export const roomOf = ({ room = Infinity }: CacheTensor, capacity: number): number => Math.min(room, capacity);

/** A row that is copied, from which cache's row, to which. */
export interface RowCopy {
  readonly from: number;
  readonly to: number;
  readonly length: number;
  /** Positions that the source has room for. */
  readonly held: number;
}

/** Throws `invalid-argument` unless `from` and `to` are rows, and `length` positions can be there and have room here. */
export function checkCopy(layout: CacheLayout, source: CacheLayout, { from, to, length, held }: RowCopy): void {
  checkValue("row copied from", from, whole(0, source.rows - 1));
  checkValue("row copied to", to, whole(0, layout.rows - 1));
  checkValue("length copied", length, whole(0, Math.min(held, layout.maxLength)));
}

/** Throws `invalid-argument` unless a cache can be trimmed to `length` positions. */
export function checkTrim({ maxLength }: CacheLayout, length: number): void {
  checkValue("length kept", length, whole(0, maxLength));
}
