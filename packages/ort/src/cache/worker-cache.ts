/** The KV cache in host memory, as a session in the worker needs it. */
import { DynamoError, type CacheLayout } from "@dynamo/core";
import type { Tensor } from "onnxruntime-common";
import type { Ort, WorkerCache } from "../session/backend.js";
import { createHostCache, type CacheArray, type HostCache } from "./host-cache.js";
import { toNative } from "../session/native.js";

/** What is behind a cache that another one copies from. */
const hostCaches = new WeakMap<WorkerCache, HostCache>();

export function hostWorkerCache(ort: Ort, layout: CacheLayout): WorkerCache {
  const cache = createHostCache(layout);
  // The tensors over the cache's memory stay the same from pass to pass until it grows.
  let made: { rows: number; capacity: number; feeds: Record<string, Tensor> } | undefined;
  /** Memory may have been taken anew, even if the capacity comes out as it was. */
  const keepUnlessMoved = (work: () => void): void => {
    const before = cache.capacity;
    work();
    if (cache.capacity !== before) made = undefined;
  };
  const own: WorkerCache = {
    check(pass) {
      cache.check(pass);
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
    append(delta, pass) {
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
      keepUnlessMoved(() => cache.append(data, pass));
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
