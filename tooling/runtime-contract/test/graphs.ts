/** Small graphs that make what a runtime does visible. */
import type { CacheLayout, DType } from "@dynamo/core";
import { graphBuilder, type Value } from "@dynamo/onnx";
import { cacheDims, encodeGraph, totalHeads } from "@dynamo/ort";

/** y = x for each dtype. */
export function identityGraph(dtype: DType, dims: readonly (number | string)[] = ["n"]): Promise<Uint8Array> {
  const graph = graphBuilder("identity");
  graph.output("y", graph.input("x", dtype, dims), dtype, dims);
  return encodeGraph(graph);
}

/** sum = a + b, difference = a - b. */
export function arithmeticGraph(): Promise<Uint8Array> {
  const graph = graphBuilder("arithmetic");
  const [a, b] = ["a", "b"].map((name) => graph.input(name, "float32", ["n"]));
  graph.output("sum", graph.op("Add", [a, b]), "float32", ["n"]);
  graph.output("difference", graph.op("Sub", [a, b]), "float32", ["n"]);
  return encodeGraph(graph);
}

/** A chain of `layers` square matrix products, 4 · size² bytes of weights each. */
export function heavyGraph(size: number, layers: number): Promise<Uint8Array> {
  const weights = new Uint8Array(new Float32Array(size * size).fill(1 / size).buffer);
  const graph = graphBuilder("heavy");
  let y = graph.input("x", "float32", ["s", size]);
  for (let i = 0; i < layers; i++)
    y = graph.op("MatMul", [y, graph.initializer(`w${i}`, "float32", [size, size], () => weights)]);
  graph.output("y", y, "float32", ["s", size]);
  return encodeGraph(graph);
}

/** y = row x of a table of `rows` rows of 64: many weights, little work. */
export function tableGraph(rows: number): Promise<Uint8Array> {
  const graph = graphBuilder("table");
  const table = graph.initializer("table", "float32", [rows, 64], () => {
    return new Uint8Array(new Float32Array(rows * 64).fill(1).buffer);
  });
  graph.output("y", graph.op("Gather", [table, graph.input("x", "int32", [1])]), "float32", [1, 64]);
  return encodeGraph(graph);
}

/** A layout with a head count of its own for every tensor. */
export function testLayout(options: Partial<Pick<CacheLayout, "rows" | "maxLength" | "dtype">> = {}): CacheLayout {
  const { rows = 3, maxLength = 300, dtype = "float32" } = options;
  const tensors = [
    { name: "past.0.key", kind: "key", heads: 2, headSize: 4 },
    { name: "past.0.value", kind: "value", heads: 1, headSize: 4 },
    { name: "past.1.key", kind: "key", heads: 1, headSize: 4 },
    { name: "past.1.value", kind: "value", heads: 3, headSize: 4 },
  ] as const;
  return { tensors, delta: "delta", dtype, rows, maxLength };
}

/** The same layout, but that its last two tensors are rings. */
export function ringLayout(options: Parameters<typeof testLayout>[0] = {}): CacheLayout {
  const layout = testLayout(options);
  return { ...layout, tensors: layout.tensors.map((each, i) => (i < 2 ? each : { ...each, room: 50 })) };
}

/** Takes what a pass's new keys and values shall be, and shows the cache that it was fed: `seen.<name>`. */
export function cacheGraph(layout: CacheLayout): Promise<Uint8Array> {
  const { tensors, dtype } = layout;
  const graph = graphBuilder("cache");
  const deltaDims = ["B", totalHeads(layout), "S", 4];
  const dims = tensors.map((each) => cacheDims(each, "B", each.room === undefined ? "C" : `C${each.room}`));
  const cache: Value[] = tensors.map(({ name }, i) => graph.input(name, dtype, dims[i] ?? []));
  for (const [i, { name }] of tensors.entries()) graph.output(`seen.${name}`, cache[i] as Value, dtype, dims[i] ?? []);
  graph.output("delta", graph.input("fresh", dtype, deltaDims), dtype, deltaDims);
  return encodeGraph(graph);
}
