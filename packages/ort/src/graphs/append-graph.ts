/** The graph that writes a pass's new keys and values into a KV cache where it lies, for memory JavaScript cannot reach. */
import type { CacheLayout, CacheTensor } from "@dynamo/core";
import { graphBuilder, type GraphBuilder, type Value } from "@dynamo/onnx";
import { cacheDims, totalHeads } from "../cache/cache-layout.js";
import { encodeGraph } from "./encode-graph.js";

/**
 * In: the cache's tensors, the layout's `delta` [B, heads of all, S, headSize], lengths int32 [B]. Out: `<tensor>.present` for
 * each. Row b's new positions go to lengths[b], lengths[b] + 1, …; what would fall past the end goes to the last position, so a
 * cache has one position more than its rows may hold.
 */
export function appendGraph(layout: Pick<CacheLayout, "tensors" | "dtype" | "delta">): Promise<Uint8Array> {
  const { tensors, dtype, delta } = layout;
  const graph = graphBuilder("append");
  const dims = tensors.map((tensor) => cacheDims(tensor, "B", "C"));
  const cache = tensors.map(({ name }, i) => graph.input(name, dtype, dims[i] ?? []));
  const fresh = graph.input(delta, dtype, ["B", totalHeads(layout), "S", tensors[0]?.headSize ?? 0]);
  const lengths = graph.input("lengths", "int32", ["B"]);
  const places = newPlaces(graph, lengths, fresh, cache[0] as Value, tensors[0] as CacheTensor);
  let first = 0;
  for (const [i, { name, kind, heads }] of tensors.entries()) {
    const scope = graph.scope(name);
    // One Split for all would bind more buffers than a shader may have.
    const part = scope.op("Slice", [fresh, scope.ints([first]), scope.ints([first + heads]), scope.ints([1])]);
    first += heads;
    const isKey = kind === "key";
    const updates = isKey ? scope.op("Transpose", [part], { attributes: { perm: [0, 1, 3, 2] } }) : part;
    const indices = scope.op("Expand", [
      scope.op("Unsqueeze", [places, scope.ints(isKey ? [1, 2] : [1, 3])]),
      scope.op("Shape", [updates]),
    ]);
    const present = scope.op("ScatterElements", [cache[i], indices, updates], { attributes: { axis: isKey ? 3 : 2 } });
    graph.output(`${name}.present`, present, dtype, dims[i] ?? []);
  }
  return encodeGraph(graph);
}

/** int64 [B, S]: where each row's new positions go. */
function newPlaces(graph: GraphBuilder, lengths: Value, fresh: Value, cache: Value, { kind }: CacheTensor): Value {
  const axis = kind === "key" ? 3 : 2;
  const size = (value: Value, at: number): Value =>
    graph.op("Squeeze", [graph.op("Shape", [value], { attributes: { start: at, end: at + 1 } })]);
  const one = graph.ints([1], { scalar: true });
  const range = graph.op("Range", [graph.ints([0], { scalar: true }), size(fresh, 2), one]);
  const column = graph.op("Unsqueeze", [graph.cast(lengths, "int64"), graph.ints([1])]);
  return graph.op("Min", [graph.op("Add", [column, range]), graph.op("Sub", [size(cache, axis), one])]);
}
