/** What a session in the worker needs of a KV cache, wherever it lies; and the one in host memory. */
import { DynamoError, type CacheLayout } from "@dynamo/core";
import type { Tensor } from "onnxruntime-common";
import type { Ort } from "./backend.js";
import { createHostCache, type CacheArray, type HostCache } from "./host-cache.js";
import { toNative } from "./native.js";

export interface EngineCache {
  /** Throws `invalid-argument` when a pass over these lengths cannot be. */
  check(lengths: readonly number[], newPositions: number): void;
  /** The first `rows` rows, by the names of the graph's inputs; valid until the next call. */
  feeds(rows: number): Promise<Readonly<Record<string, Tensor>>>;
  append(delta: Tensor, lengths: readonly number[], newPositions: number): Promise<void>;
  /** `source` is a cache of the same session, which may be this one. */
  copyRow(from: number, to: number, length: number, source: EngineCache): Promise<void>;
  /** Gives up room beyond `length` positions, where a cache has grown and that pays. */
  trim(length: number): void;
  dispose(): void;
}

/** What is behind a cache that another one copies from. */
const hostCaches = new WeakMap<EngineCache, HostCache>();

export function hostEngineCache(ort: Ort, layout: CacheLayout): EngineCache {
  const cache = createHostCache(layout);
  // The tensors over the cache's memory stay the same from pass to pass until it grows.
  let made: { rows: number; capacity: number; feeds: Record<string, Tensor> } | undefined;
  /** Memory may have been taken anew, even if the capacity comes out as it was. */
  const keepUnlessMoved = (work: () => void): void => {
    const before = cache.capacity;
    work();
    if (cache.capacity !== before) made = undefined;
  };
  const own: EngineCache = {
    check(lengths, newPositions) {
      cache.check(lengths, newPositions);
    },
    feeds(rows) {
      if (made?.rows !== rows || made.capacity !== cache.capacity) {
        const views = cache
          .view(rows)
          .map((view) => [view.name, toNative(ort, { ...view, dtype: layout.dtype })] as const);
        made = { rows, capacity: cache.capacity, feeds: Object.fromEntries(views) };
      }
      return Promise.resolve(made.feeds);
    },
    append(delta, lengths, newPositions) {
      if (delta.type !== layout.dtype) {
        throw new DynamoError("invalid-argument", `${layout.delta}: expected ${layout.dtype}, received ${delta.type}`);
      }
      const { buffer, byteOffset } = delta.data as Uint8Array;
      const length = delta.size;
      // By bits: where Node has Float16Array, ONNX Runtime returns that, and a cache keeps Uint16Array.
      const data: CacheArray =
        layout.dtype === "float32"
          ? new Float32Array(buffer, byteOffset, length)
          : new Uint16Array(buffer, byteOffset, length);
      keepUnlessMoved(() => cache.append(data, lengths, newPositions));
      return Promise.resolve();
    },
    copyRow(from, to, length, source) {
      keepUnlessMoved(() => cache.copyRow(from, to, length, hostCaches.get(source)));
      return Promise.resolve();
    },
    trim: (length) => {
      keepUnlessMoved(() => cache.trim(length));
    },
    dispose() {
      made = undefined;
      cache.dispose();
    },
  };
  hostCaches.set(own, cache);
  return own;
}
