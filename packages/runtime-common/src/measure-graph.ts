/**
 * A graph with the shape of decoding and without a model's weights, for comparing devices: per layer one matrix up and one
 * down, attention over a KV cache, and the new keys and values as `delta`. Also the graph that appends them on a GPU.
 */
import type { CacheLayout, CacheTensor } from "@dynamo/core";
import { encodeSmallOnnx, type SmallInitializer, type SmallNode } from "./small-onnx.js";

/** A sixth of Pythia-410M, 134 MB: large enough to be bound by memory, small enough for a start-up of a second. */
export const measured = { layers: 4, heads: 16, headSize: 64, wide: 4096, positions: 1024 } as const;

const hidden = measured.heads * measured.headSize;

const tensors: readonly CacheTensor[] = Array.from({ length: measured.layers }, (_, layer) => layer).flatMap((layer) =>
  (["key", "value"] as const).map((kind) => ({
    name: `${kind}.${layer}`,
    kind,
    heads: measured.heads,
    headSize: measured.headSize,
  })),
);

/** A cache of one row for `measureGraph`. */
export function measureLayout(): CacheLayout {
  const layout = { tensors, delta: "delta", dtype: "float32", rows: 1, maxLength: 2 * measured.positions } as const;
  return { ...layout, appendGraph: appendGraph(layout) };
}

/** In: x [1, 1, hidden] and the cache. Out: y [1, 1, hidden] and delta. */
export function measureGraph(): Uint8Array {
  const nodes: SmallNode[] = [];
  const layers = Array.from({ length: measured.layers }, (_, layer) => layer);
  for (const layer of layers) nodes.push(...layerNodes(layer, layer === 0 ? "x" : `y.${layer - 1}`));
  const deltas = layers.flatMap((layer) => [`split.${layer}`, `split.${layer}`]);
  nodes.push({ op: "Concat", inputs: deltas, outputs: ["delta"], attributes: { axis: 1 } });
  nodes.push({ op: "Identity", inputs: [`y.${measured.layers - 1}`], outputs: ["y"] });
  return encodeSmallOnnx({
    inputs: [
      { name: "x", dtype: "float32", dims: [1, 1, hidden] },
      ...tensors.map(({ name, kind, heads, headSize }) => ({
        name,
        dtype: "float32" as const,
        dims: kind === "key" ? [1, heads, headSize, "C"] : [1, heads, "C", headSize],
      })),
    ],
    outputs: [
      { name: "y", dtype: "float32", dims: [1, 1, hidden] },
      { name: "delta", dtype: "float32", dims: [1, tensors.length * measured.heads, 1, measured.headSize] },
    ],
    nodes,
    initializers: [
      ...layers.flatMap((layer) => [
        weight(`up.weight.${layer}`, [hidden, measured.wide], 0.001 * (layer + 1)),
        weight(`down.weight.${layer}`, [measured.wide, hidden], -0.001 * (layer + 1)),
      ]),
      ints("split.dims", [1, measured.heads, 1, measured.headSize]),
      ints("joined.dims", [1, 1, hidden]),
    ],
  });
}

function layerNodes(layer: number, input: string): SmallNode[] {
  const at = (name: string): string => `${name}.${layer}`;
  return [
    { op: "MatMul", inputs: [input, at("up.weight")], outputs: [at("up")] },
    { op: "Relu", inputs: [at("up")], outputs: [at("active")] },
    { op: "MatMul", inputs: [at("active"), at("down.weight")], outputs: [at("down")] },
    { op: "Reshape", inputs: [at("down"), "split.dims"], outputs: [at("split")] },
    { op: "MatMul", inputs: [at("split"), at("key")], outputs: [at("scores")] },
    { op: "Softmax", inputs: [at("scores")], outputs: [at("weights")] },
    { op: "MatMul", inputs: [at("weights"), at("value")], outputs: [at("attended")] },
    { op: "Reshape", inputs: [at("attended"), "joined.dims"], outputs: [at("joined")] },
    { op: "Add", inputs: [input, at("joined")], outputs: [at("y")] },
  ];
}

/** As CacheLayout.appendGraph: new positions go to lengths[b], lengths[b] + 1, … along each tensor's axis of positions. */
export function appendGraph({ tensors: cache, dtype, delta }: Omit<CacheLayout, "appendGraph">): Uint8Array {
  const headSize = cache[0]?.headSize ?? 0;
  const startOf = (index: number): number => cache.slice(0, index).reduce((sum, { heads }) => sum + heads, 0);
  const dimsOf = ({ kind, heads }: CacheTensor): (number | string)[] =>
    kind === "key" ? ["B", heads, headSize, "C"] : ["B", heads, "C", headSize];
  return encodeSmallOnnx({
    inputs: [
      ...cache.map((tensor) => ({ name: tensor.name, dtype, dims: dimsOf(tensor) })),
      { name: delta, dtype, dims: ["B", startOf(cache.length), "S", headSize] },
      { name: "lengths", dtype: "int32", dims: ["B"] },
    ],
    outputs: cache.map((tensor) => ({ name: `${tensor.name}.present`, dtype, dims: dimsOf(tensor) })),
    nodes: [...placeNodes(cache, delta), ...cache.flatMap((tensor, i) => presentNodes(tensor, i, delta))],
    initializers: [
      ...cache.flatMap((_, i) => [ints(`start.${i}`, [startOf(i)]), ints(`end.${i}`, [startOf(i + 1)])]),
      ints("zero", 0),
      ints("one", 1),
      ints("axis_1", [1]),
      ints("key_axes", [1, 2]),
      ints("value_axes", [1, 3]),
    ],
  });
}

/** `places` [B, S]: where each row's new positions go, none of them past the last. */
function placeNodes(cache: readonly CacheTensor[], delta: string): SmallNode[] {
  const { name, kind } = cache[0] as CacheTensor;
  const axis = kind === "key" ? 3 : 2;
  return [
    { op: "Shape", inputs: [delta], outputs: ["fresh.dims"], attributes: { start: 2, end: 3 } },
    { op: "Squeeze", inputs: ["fresh.dims"], outputs: ["fresh"] },
    { op: "Shape", inputs: [name], outputs: ["capacity.dims"], attributes: { start: axis, end: axis + 1 } },
    { op: "Squeeze", inputs: ["capacity.dims"], outputs: ["capacity"] },
    { op: "Sub", inputs: ["capacity", "one"], outputs: ["last"] },
    { op: "Range", inputs: ["zero", "fresh", "one"], outputs: ["range"] },
    { op: "Cast", inputs: ["lengths"], outputs: ["lengths.wide"], attributes: { to: 7 } },
    { op: "Unsqueeze", inputs: ["lengths.wide", "axis_1"], outputs: ["column"] },
    { op: "Add", inputs: ["column", "range"], outputs: ["wanted"] },
    { op: "Min", inputs: ["wanted", "last"], outputs: ["places"] },
  ];
}

/** Slice and not one Split: a shader may bind few buffers (often 8 to 12), and Split binds one for every output. */
function presentNodes({ name, kind }: CacheTensor, index: number, delta: string): SmallNode[] {
  const part = `part.${index}`;
  const updates = kind === "key" ? `${name}.updates` : part;
  const transpose = { op: "Transpose", inputs: [part], outputs: [updates], attributes: { perm: [0, 1, 3, 2] } };
  return [
    { op: "Slice", inputs: [delta, `start.${index}`, `end.${index}`, "axis_1"], outputs: [part] },
    ...(kind === "key" ? [transpose] : []),
    { op: "Shape", inputs: [updates], outputs: [`${name}.dims`] },
    { op: "Unsqueeze", inputs: ["places", `${kind}_axes`], outputs: [`${name}.places`] },
    { op: "Expand", inputs: [`${name}.places`, `${name}.dims`], outputs: [`${name}.indices`] },
    {
      op: "ScatterElements",
      inputs: [name, `${name}.indices`, updates],
      outputs: [`${name}.present`],
      attributes: { axis: kind === "key" ? 3 : 2 },
    },
  ];
}

/** Memory of its own for every matrix: equal or zero ones might be shared, and come from a processor's cache. */
function weight(name: string, dims: readonly [number, number], value: number): SmallInitializer {
  const values = new Float32Array(dims[0] * dims[1]).fill(value);
  return { name, dtype: "float32", dims, bytes: new Uint8Array(values.buffer) };
}

/** A constant of int64; a number makes a scalar. */
function ints(name: string, value: number | readonly number[]): SmallInitializer {
  const values = typeof value === "number" ? [value] : value;
  const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { name, dtype: "int64", dims: typeof value === "number" ? [] : [values.length], bytes };
}
