/**
 * The KV cache as `gpu-buffer` tensors, for webgpu: it is written, grown and copied by graphs, on the device. All tensors hold all
 * positions, those with a `room` too: the graph that appends has no operator that writes some of a ring's places and leaves others.
 */
import { DynamoError, type CacheLayout } from "@dynamo/core";
import type { InferenceSession, Tensor } from "onnxruntime-node";
import {
  appendGraph,
  cacheDims,
  capacityFor,
  checkAppend,
  checkCopy,
  checkLayout,
  passError,
  gpuGrowth,
  toNative,
  type WorkerCache,
  type Ort,
  type SideSessions,
} from "@dynamo/ort";
import { editGraph } from "./edit-graph.js";

type Tensors = Readonly<Record<string, Tensor>>;

/**
 * A pass takes the cache's first rows, and its graph wants tensors of just so many. So the rows lie in two blocks: those
 * that the last pass took, and the rest. They are split anew only when a pass takes another number of rows.
 */
interface Blocks {
  readonly split: number;
  readonly head: Tensors;
  readonly tail: Tensors | undefined;
}

/** What a cache gives to others that copy from it. */
interface RowSource {
  readonly layout: CacheLayout;
  capacity(): number;
  /** A copy of one row with room for so many positions. */
  row(index: number, positions: number): Promise<Tensors>;
}

const rowSources = new WeakMap<WorkerCache, RowSource>();

export async function createGpuCache(ort: Ort, layout: CacheLayout, side: SideSessions): Promise<WorkerCache> {
  checkLayout(layout);
  const append = await side.open(await appendGraph(layout), "gpu-buffer");
  const edit = await side.open(await editGraph(layout), "gpu-buffer");
  const { rows, maxLength } = layout;
  // One more than maxLength: the append graph puts padding that falls past the end on the last position.
  const most = capacityFor(maxLength + 1, Infinity, gpuGrowth);
  let capacity = capacityFor(1, most, gpuGrowth);

  const edited = editor(ort, layout, edit);
  const seed = zeros(ort, layout);
  const whole = await edited(seed, seed, new Array<number>(rows).fill(0), capacity - 1);
  let blocks: Blocks = { split: rows, head: whole, tail: undefined };

  function replace(next: Blocks): void {
    const kept = new Set([next.head, next.tail]);
    for (const block of [blocks.head, blocks.tail]) if (block !== undefined && !kept.has(block)) release(block);
    blocks = next;
  }

  /** Both blocks again, split after `split` rows; row `to` becomes a copy of row `from`. */
  async function rearrange(split: number, from = 0, to = from): Promise<void> {
    const { head, tail = head } = blocks;
    const picked = Array.from({ length: rows }, (_, row) => (row === to ? from : row));
    const first = await edited(head, tail, picked.slice(0, split));
    replace({ split, head: first, tail: split < rows ? await edited(head, tail, picked.slice(split)) : undefined });
  }

  async function grow(needed: number): Promise<void> {
    if (needed <= capacity) return;
    const next = capacityFor(needed, most, gpuGrowth);
    const { split, head, tail } = blocks;
    const grown = (block: Tensors, count: number): Promise<Tensors> =>
      edited(block, block, [...Array(count).keys()], next - capacity);
    const first = await grown(head, split);
    replace({ split, head: first, tail: tail === undefined ? undefined : await grown(tail, rows - split) });
    capacity = next;
  }

  /** Row `to` becomes the only row of `row`. */
  async function put(row: Tensors, to: number): Promise<void> {
    const { split, head, tail } = blocks;
    const inHead = to < split;
    const [block, start, end] = inHead ? [head, 0, split] : [tail ?? head, split, rows];
    const picked = Array.from({ length: end - start }, (_, i) => (start + i === to ? end - start : i));
    const next = await edited(block, row, picked);
    release(row);
    replace(inHead ? { split, head: next, tail } : { split, head, tail: next });
  }

  const own: WorkerCache = {
    check: (pass) => {
      checkAppend(layout, pass, Math.min(capacity, maxLength));
    },
    async feeds(count) {
      if (count !== blocks.split) await rearrange(count);
      return blocks.head;
    },
    async append(delta, { lengths, newPositions }) {
      await grow(Math.min(Math.max(...lengths) + newPositions, maxLength) + 1);
      const places = toNative(ort, { dtype: "int32", dims: [lengths.length], data: Int32Array.from(lengths) });
      const results = await append.run({ ...blocks.head, [layout.delta]: delta, lengths: places });
      replace({ ...blocks, head: renamed(layout, results, "present") });
    },
    async copyRow(from, to, length, source) {
      const given = rowSources.get(source);
      if (given === undefined) throw new DynamoError("invalid-argument", "the row's cache is none of this device");
      checkCopy(layout, given.layout, { from, to, length, held: Math.min(given.capacity(), maxLength) });
      if (source === own) {
        if (from !== to) await rearrange(blocks.split, from, to);
        return;
      }
      await grow(given.capacity());
      await put(await given.row(from, capacity), to);
    },
    // Idle positions cost a GPU little, and another capacity costs shaders.
    trim: () => undefined,
    dispose() {
      release(blocks.head);
      if (blocks.tail !== undefined) release(blocks.tail);
    },
  };
  rowSources.set(own, {
    layout,
    capacity: () => capacity,
    row: (index, positions) => edited(blocks.head, blocks.tail ?? blocks.head, [index], positions - capacity),
  });
  return own;
}

type Edit = (first: Tensors, second: Tensors, picked: readonly number[], extra?: number) => Promise<Tensors>;

/** Picks rows of `first` followed by `second`, and makes room for `extra` more positions. */
function editor(ort: Ort, layout: CacheLayout, session: InferenceSession): Edit {
  return async (first, second, picked, extra = 0) => {
    const inputs: Record<string, Tensor> = {
      rows: int64(ort, picked),
      key_pads: int64(ort, [0, 0, 0, 0, 0, 0, 0, extra]),
      value_pads: int64(ort, [0, 0, 0, 0, 0, 0, extra, 0]),
    };
    for (const { name } of layout.tensors) {
      inputs[`first.${name}`] = first[name] as Tensor;
      inputs[`second.${name}`] = second[name] as Tensor;
    }
    return renamed(layout, await session.run(inputs).catch(passError), "out");
  };
}

function zeros(ort: Ort, layout: CacheLayout): Tensors {
  const entries = layout.tensors.map((tensor) => {
    const dims = cacheDims(tensor, 1, 1);
    const size = tensor.heads * tensor.headSize;
    const data = layout.dtype === "float32" ? new Float32Array(size) : new Uint16Array(size);
    return [tensor.name, toNative(ort, { dtype: layout.dtype, dims, data })] as const;
  });
  return Object.fromEntries(entries);
}

function renamed(layout: CacheLayout, results: InferenceSession.OnnxValueMapType, suffix: string): Tensors {
  return Object.fromEntries(layout.tensors.map(({ name }) => [name, results[`${name}.${suffix}`] as Tensor]));
}

function release(block: Tensors): void {
  for (const value of Object.values(block)) value.dispose();
}

function int64(ort: Ort, values: readonly number[]): Tensor {
  return toNative(ort, { dtype: "int64", dims: [values.length], data: BigInt64Array.from(values, BigInt) });
}
