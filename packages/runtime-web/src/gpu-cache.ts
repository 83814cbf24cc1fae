/**
 * The KV cache in GPU buffers that are reserved once, written in place, and never leave the GPU. A session reads them as
 * `gpu-buffer` tensors: the first rows of a cache are the beginning of its buffers.
 */
import { DynamoError, sizeText, type CacheLayout, type CacheTensor } from "@dynamo/core";
import { cacheDims, checkAppend, checkCopy, checkLayout, keptCounts, type WorkerCache, type Ort } from "@dynamo/ort";
import type { Tensor } from "onnxruntime-web";
import { cacheAppender, copyDestination, tensorCapacity, copySource, storage } from "./cache-append.js";

interface Placed {
  readonly layout: CacheLayout;
  readonly buffers: readonly GPUBuffer[];
}

/** Where the caches lie that others copy from. */
const placed = new WeakMap<WorkerCache, Placed>();

/** Throws `out-of-memory` when the GPU has no room for the whole of it. */
export async function createGpuCache(ort: Ort, device: GPUDevice, layout: CacheLayout): Promise<WorkerCache> {
  checkLayout(layout);
  const { maxLength } = layout;
  const buffers = await reserve(device, layout);
  const appender = cacheAppender(device, layout, buffers);
  const feeds = new Map<number, Readonly<Record<string, Tensor>>>();

  const own: WorkerCache = {
    check(pass) {
      checkAppend(layout, pass, maxLength);
    },
    feeds(rows) {
      const made = feeds.get(rows) ?? tensorsOf(ort, layout, buffers, rows);
      feeds.set(rows, made);
      return Promise.resolve(made);
    },
    append(delta, pass) {
      const { lengths, newPositions } = pass;
      const places = { lengths, newPositions, counts: keptCounts(layout, pass) };
      if (delta.location === "gpu-buffer") appender.append({ delta: delta.gpuBuffer, ...places });
      else {
        const uploaded = upload(device, delta.data as Uint8Array);
        appender.append({ delta: uploaded, ...places });
        uploaded.destroy();
      }
      return Promise.resolve();
    },
    copyRow(from, to, length, source) {
      const given = placed.get(source);
      if (given === undefined) throw new DynamoError("invalid-argument", "the row's cache is none of this device");
      checkCopy(layout, given.layout, { from, to, length, held: maxLength });
      if (given.buffers !== buffers || from !== to) copyRows(device, given, { layout, buffers }, [from, to]);
      return Promise.resolve();
    },
    // Reserved once, for as many positions as there may be.
    trim: () => undefined,
    dispose() {
      feeds.clear();
      appender.dispose();
      for (const buffer of buffers) buffer.destroy();
    },
  };
  placed.set(own, { layout, buffers });
  return own;
}

const elementBytes = ({ dtype }: CacheLayout): number => (dtype === "float16" ? 2 : 4);

const rowBytes = (layout: CacheLayout, tensor: CacheTensor): number =>
  tensor.heads * tensor.headSize * tensorCapacity(layout, tensor) * elementBytes(layout);

/** WebGPU fills new buffers with zeros. */
async function reserve(device: GPUDevice, layout: CacheLayout): Promise<GPUBuffer[]> {
  const sizes = layout.tensors.map((tensor) => layout.rows * rowBytes(layout, tensor));
  device.pushErrorScope("out-of-memory");
  device.pushErrorScope("validation");
  const buffers = sizes.map((size) => device.createBuffer({ size, usage: storage | copySource | copyDestination }));
  const [invalid, full] = await Promise.all([device.popErrorScope(), device.popErrorScope()]);
  const error = invalid ?? full;
  if (error === null) return buffers;
  for (const buffer of buffers) buffer.destroy();
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  throw new DynamoError(
    "out-of-memory",
    `the GPU has no room for a KV cache of ${layout.rows} × ${layout.maxLength} positions (${sizeText(bytes)}): ${error.message}`,
  );
}

function tensorsOf(
  ort: Ort,
  layout: CacheLayout,
  buffers: readonly GPUBuffer[],
  rows: number,
): Readonly<Record<string, Tensor>> {
  const entries = layout.tensors.map((tensor, i) => {
    const options = { dataType: layout.dtype, dims: cacheDims(tensor, rows, tensorCapacity(layout, tensor)) };
    return [tensor.name, ort.Tensor.fromGpuBuffer(buffers[i] as GPUBuffer, options)] as const;
  });
  return Object.fromEntries(entries);
}

/** Whole rows: what lies behind a row's length counts for nothing. A buffer cannot be copied into itself, so by a detour. */
function copyRows(
  device: GPUDevice,
  source: Placed,
  { layout, buffers }: Placed,
  [from, to]: readonly [number, number],
): void {
  const encoder = device.createCommandEncoder();
  const sizes = layout.tensors.map((tensor) => rowBytes(layout, tensor));
  const between = device.createBuffer({ size: Math.max(...sizes), usage: copySource | copyDestination });
  for (const [i, buffer] of buffers.entries()) {
    const size = sizes[i] as number;
    encoder.copyBufferToBuffer(source.buffers[i] as GPUBuffer, from * size, between, 0, size);
    encoder.copyBufferToBuffer(between, 0, buffer, to * size, size);
  }
  device.queue.submit([encoder.finish()]);
  between.destroy();
}

/** A delta that came to the host because it was fetched as well. */
function upload(device: GPUDevice, { buffer, byteOffset, byteLength }: Uint8Array): GPUBuffer {
  const uploaded = device.createBuffer({ size: Math.ceil(byteLength / 4) * 4, usage: storage | copyDestination });
  const bytes = new Uint8Array(uploaded.size);
  bytes.set(new Uint8Array(buffer, byteOffset, byteLength));
  device.queue.writeBuffer(uploaded, 0, bytes);
  return uploaded;
}
