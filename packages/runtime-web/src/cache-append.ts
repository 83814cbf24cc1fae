/** The compute shader that writes a pass's new keys and values into the cache's buffers, where they lie. */
import type { CacheLayout, CacheTensor } from "@dynamo/core";
import { capacityFor, gpuGrowth, roomOf, totalHeads } from "@dynamo/ort";

/** Elements that one workgroup writes: 64 threads, one element each. */
const workgroupSize = 64;

/**
 * Group 0, per pass: the delta, each row's length and how many new positions it keeps, the number of new positions. Group 1, per
 * tensor: it and its place.
 */
const shader = (type: "f32" | "f16"): string => /* wgsl */ `
${type === "f16" ? "enable f16;" : ""}
struct Place {
  first_head: u32,
  heads: u32,
  all_heads: u32,
  head_size: u32,
  capacity: u32,
  dim_stride: u32,
  position_stride: u32,
}
@group(0) @binding(0) var<storage, read> delta: array<${type}>;
@group(0) @binding(1) var<storage, read> rows: array<vec2<u32>>;
@group(0) @binding(2) var<uniform> new_positions: u32;
@group(1) @binding(0) var<storage, read_write> cache: array<${type}>;
@group(1) @binding(1) var<uniform> place: Place;

@compute @workgroup_size(${workgroupSize})
fn append(@builtin(global_invocation_id) id: vec3<u32>) {
  let element = id.x;
  let head = id.y;
  let row = id.z;
  if (element >= new_positions * place.head_size) { return; }
  let added = element / place.head_size;
  let length = rows[row].x;
  let kept = rows[row].y;
  // Padding is dropped, and what a newer position of the pass would write over.
  if (added >= kept || added + place.capacity < kept) { return; }
  let position = (length + added) % place.capacity;
  let dim = element % place.head_size;
  let source = (row * place.all_heads + place.first_head + head) * new_positions * place.head_size + element;
  let line = (row * place.heads + head) * place.head_size * place.capacity;
  cache[line + dim * place.dim_stride + position * place.position_stride] = delta[source];
}
`;

/** What `append` writes in one pass; `delta` is [rows, all heads, newPositions, headSize]. */
export interface AppendedPass {
  readonly delta: GPUBuffer;
  readonly lengths: readonly number[];
  readonly newPositions: number;
  readonly counts: readonly number[];
}

export interface CacheAppender {
  append(pass: AppendedPass): void;
  dispose(): void;
}

/** Positions of a row that a tensor has room for, reserved once; in steps, because every capacity costs the GPU shaders of its own. */
export const tensorCapacity = ({ maxLength }: CacheLayout, tensor: CacheTensor): number =>
  capacityFor(roomOf(tensor, maxLength), Infinity, gpuGrowth);

/** `buffers` hold the layout's tensors. */
export function cacheAppender(device: GPUDevice, layout: CacheLayout, buffers: readonly GPUBuffer[]): CacheAppender {
  const code = shader(layout.dtype === "float16" ? "f16" : "f32");
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "append" } });
  const rows = device.createBuffer({ size: 8 * layout.rows, usage: storage | copyDestination });
  const newPositions = device.createBuffer({ size: 4, usage: uniform | copyDestination });
  const places = placesOf(layout).map((place) => uniformOf(device, place));
  const tensors = buffers.map((buffer, i) =>
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(1),
      entries: entries(buffer, places[i] as GPUBuffer),
    }),
  );

  return {
    append(pass) {
      const pairs = pass.lengths.flatMap((length, row) => [length, pass.counts[row] as number]);
      device.queue.writeBuffer(rows, 0, Uint32Array.from(pairs));
      device.queue.writeBuffer(newPositions, 0, Uint32Array.of(pass.newPositions));
      const encoder = device.createCommandEncoder();
      const compute = encoder.beginComputePass();
      compute.setPipeline(pipeline);
      const given = entries(pass.delta, rows, newPositions);
      compute.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: given }));
      for (const [i, { heads, headSize }] of layout.tensors.entries()) {
        compute.setBindGroup(1, tensors[i]);
        const groups = Math.ceil((pass.newPositions * headSize) / workgroupSize);
        compute.dispatchWorkgroups(groups, heads, pass.lengths.length);
      }
      compute.end();
      device.queue.submit([encoder.finish()]);
    },
    dispose() {
      for (const buffer of [rows, newPositions, ...places]) buffer.destroy();
    },
  };
}

// Of GPUBufferUsage, which exists only in browsers that have WebGPU: this file is read by others too.
export const [copySource, copyDestination, uniform, storage] = [0x4, 0x8, 0x40, 0x80] as const;

type Place = readonly [number, number, number, number, number, number, number];

function placesOf(layout: CacheLayout): Place[] {
  const all = totalHeads(layout);
  let first = 0;
  return layout.tensors.map((tensor): Place => {
    const { kind, heads, headSize } = tensor;
    const capacity = tensorCapacity(layout, tensor);
    const strides = kind === "key" ? ([capacity, 1] as const) : ([1, headSize] as const);
    const place = [first, heads, all, headSize, capacity, ...strides] as const;
    first += heads;
    return place;
  });
}

function uniformOf(device: GPUDevice, values: Place): GPUBuffer {
  const buffer = device.createBuffer({ size: 4 * values.length, usage: uniform | copyDestination });
  device.queue.writeBuffer(buffer, 0, Uint32Array.from(values));
  return buffer;
}

const entries = (...buffers: readonly GPUBuffer[]): GPUBindGroupEntry[] =>
  buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
