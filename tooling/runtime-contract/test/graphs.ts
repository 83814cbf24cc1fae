/** Small graphs that make what a runtime does visible. */
import type { CacheLayout, DType } from "@dynamo/core";
import { appendGraph, encodeSmallOnnx, type SmallInitializer } from "@dynamo/runtime-common";

/** y = x for each dtype. */
export function identityGraph(dtype: DType, dims: readonly (number | string)[] = ["n"]): Uint8Array {
  return encodeSmallOnnx({
    inputs: [{ name: "x", dtype, dims }],
    outputs: [{ name: "y", dtype, dims }],
    nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
  });
}

/** sum = a + b, difference = a - b. */
export function arithmeticGraph(): Uint8Array {
  const value = (name: string): { name: string; dtype: DType; dims: string[] } => ({
    name,
    dtype: "float32",
    dims: ["n"],
  });
  return encodeSmallOnnx({
    inputs: [value("a"), value("b")],
    outputs: [value("sum"), value("difference")],
    nodes: [
      { op: "Add", inputs: ["a", "b"], outputs: ["sum"] },
      { op: "Sub", inputs: ["a", "b"], outputs: ["difference"] },
    ],
  });
}

/** A chain of `layers` square matrix products, 4 · size² bytes of weights each. */
export function heavyGraph(size: number, layers: number): Uint8Array {
  const weights = new Uint8Array(new Float32Array(size * size).fill(1 / size).buffer);
  const initializers = Array.from({ length: layers }, (_, i): SmallInitializer => ({
    name: `w${i}`,
    dtype: "float32",
    dims: [size, size],
    bytes: weights,
  }));
  return encodeSmallOnnx({
    inputs: [{ name: "x", dtype: "float32", dims: ["s", size] }],
    outputs: [{ name: "y", dtype: "float32", dims: ["s", size] }],
    nodes: initializers.map(({ name }, i) => ({
      op: "MatMul",
      inputs: [i === 0 ? "x" : `h${i - 1}`, name],
      outputs: [i === layers - 1 ? "y" : `h${i}`],
    })),
    initializers,
  });
}

/** y = row x of a table of `rows` rows of 64: many weights, little work. */
export function tableGraph(rows: number): Uint8Array {
  const bytes = new Uint8Array(new Float32Array(rows * 64).fill(1).buffer);
  return encodeSmallOnnx({
    inputs: [{ name: "x", dtype: "int32", dims: [1] }],
    outputs: [{ name: "y", dtype: "float32", dims: [1, 64] }],
    nodes: [{ op: "Gather", inputs: ["table", "x"], outputs: ["y"] }],
    initializers: [{ name: "table", dtype: "float32", dims: [rows, 64], bytes }],
  });
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
  const layout = { tensors, delta: "delta", dtype, rows, maxLength };
  return { ...layout, appendGraph: appendGraph(layout) };
}

/** Takes what a pass's new keys and values shall be, and shows the cache that it was fed: `seen.<name>`. */
export function cacheGraph({ tensors, dtype }: CacheLayout): Uint8Array {
  const total = tensors.reduce((sum, { heads }) => sum + heads, 0);
  const shapes = tensors.map(({ name, kind, heads }) => ({
    name,
    dtype,
    dims: kind === "key" ? ["B", heads, 4, "C"] : ["B", heads, "C", 4],
  }));
  return encodeSmallOnnx({
    inputs: [...shapes, { name: "fresh", dtype, dims: ["B", total, "S", 4] }],
    outputs: [
      ...shapes.map((shape) => ({ ...shape, name: `seen.${shape.name}` })),
      { name: "delta", dtype, dims: ["B", total, "S", 4] },
    ],
    nodes: [
      ...tensors.map(({ name }) => ({ op: "Identity", inputs: [name], outputs: [`seen.${name}`] })),
      { op: "Identity", inputs: ["fresh"], outputs: ["delta"] },
    ],
  });
}
