/**
 * A graph with the shape of decoding and without a model's weights, for comparing devices: per layer one matrix up and one
 * down, attention over a KV cache, and the new keys and values as `delta`.
 */
import type { CacheLayout, CacheTensor } from "@dynamo/core";
import { graphBuilder, type GraphBuilder, type Value } from "@dynamo/onnx";
import { cacheDims, totalHeads } from "../cache/cache-layout.js";
import { encodeGraph } from "./encode-graph.js";

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
  return { tensors, delta: "delta", dtype: "float32", rows: 1, maxLength: 2 * measured.positions };
}

/** In: x [1, 1, hidden] and the cache. Out: y [1, 1, hidden] and delta. */
export function measureGraph(): Promise<Uint8Array> {
  const graph = graphBuilder("measure");
  let state = graph.input("x", "float32", [1, 1, hidden]);
  for (const tensor of tensors) graph.input(tensor.name, "float32", cacheDims(tensor, 1, "C"));
  const fresh: Value[] = [];
  for (let layer = 0; layer < measured.layers; layer++) {
    const { split, y } = layerOf(graph.scope(`layers.${layer}`), layer, state);
    fresh.push(split, split);
    state = y;
  }
  graph.output("y", state, "float32", [1, 1, hidden]);
  const delta = graph.op("Concat", fresh, { attributes: { axis: 1 } });
  graph.output("delta", delta, "float32", [1, totalHeads({ tensors }), 1, measured.headSize]);
  return encodeGraph(graph);
}

function layerOf(graph: GraphBuilder, layer: number, input: Value): { split: Value; y: Value } {
  const up = weight(graph, `up.weight.${layer}`, [hidden, measured.wide], 0.001 * (layer + 1));
  const down = weight(graph, `down.weight.${layer}`, [measured.wide, hidden], -0.001 * (layer + 1));
  const product = graph.op("MatMul", [graph.op("Relu", [graph.op("MatMul", [input, up])]), down]);
  const split = graph.op("Reshape", [product, graph.ints([1, measured.heads, 1, measured.headSize])]);
  const weights = graph.op("Softmax", [graph.op("MatMul", [split, `key.${layer}`])]);
  const attended = graph.op("MatMul", [weights, `value.${layer}`]);
  const joined = graph.op("Reshape", [attended, graph.ints([1, 1, hidden])]);
  return { split, y: graph.op("Add", [input, joined]) };
}

/** Memory of its own for every matrix: equal or zero ones might be shared, and come from a processor's cache. */
function weight(graph: GraphBuilder, name: string, dims: readonly [number, number], value: number): Value {
  const load = (): Uint8Array => new Uint8Array(new Float32Array(dims[0] * dims[1]).fill(value).buffer);
  return graph.initializer(name, "float32", dims, load);
}
