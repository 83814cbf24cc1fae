/** Rotary position embeddings: tables for the whole context, and the rotation. */
import { microsoft, type GraphBuilder, type Value } from "@dynamo/onnx";
import type { Rotary } from "../architectures/architecture.js";
import { floatsInitializer, type Precision } from "./weights.js";

export interface RotaryTables {
  /** [context, dimensions / 2]; behind the rows of short texts those of long ones, where these are rotated otherwise. */
  readonly cosines: Value;
  readonly sines: Value;
  readonly dimensions: number;
  /** int64 []: where the rows of this text's frequencies begin, of models that have others for long texts. */
  readonly start?: Value;
}

/** The tables of a rotation; layers that rotate alike have one pair. */
export type TablesOf = (rotary: Rotary) => RotaryTables;

/** Angle of dimension pair i at a position: position · frequency i. `isLong`, bool [], chooses where texts of two lengths are rotated otherwise. */
export function rotaryTables(
  graph: GraphBuilder,
  contextLength: number,
  precision: Precision,
  isLong: Value | undefined,
): TablesOf {
  const made = new Map<string, RotaryTables>();
  return ({ name, dimensions, frequencies, scale, long }) => {
    const before = made.get(name);
    if (before !== undefined) return before;
    const half = dimensions / 2;
    const short = long?.behind ?? 0;
    const angle = (row: number, pair: number): number =>
      row < short || long === undefined
        ? row * (frequencies[pair] as number)
        : (row - short) * (long.frequencies[pair] as number);
    const dims = [short + contextLength, half];
    const table = (f: (angle: number) => number): Promise<Float32Array> =>
      Promise.resolve(
        Float32Array.from(
          { length: (short + contextLength) * half },
          (_, i) => f(angle(Math.floor(i / half), i % half)) * scale,
        ),
      );
    const tables = {
      cosines: floatsInitializer(graph, `${name}.cosines`, dims, precision, () => table(Math.cos)),
      sines: floatsInitializer(graph, `${name}.sines`, dims, precision, () => table(Math.sin)),
      dimensions,
      ...(isLong === undefined || long === undefined
        ? {}
        : { start: graph.op("Mul", [graph.cast(isLong, "int64"), graph.ints([short], { scalar: true })]) }),
    };
    made.set(name, tables);
    return tables;
  };
}

/**
 * Rotates x [B, S, heads·headSize] or [B, heads, S, headSize] by its position ids int64 [B, S], or by int64 [1], where every row begins.
 */
export function rotate(
  graph: GraphBuilder,
  { cosines, sines, dimensions, start }: RotaryTables,
  x: Value,
  positionIds: Value,
  { heads, headSize }: { readonly heads: number; readonly headSize: number },
): Value {
  // The operator takes 0 for "all of the head", and only then checks the table's width against the head's.
  const partial = dimensions === headSize ? 0 : dimensions;
  const rows = start === undefined ? positionIds : graph.op("Add", [positionIds, start]);
  return graph.op("RotaryEmbedding", [x, rows, cosines, sines], {
    domain: microsoft,
    attributes: { interleaved: 0, num_heads: heads, rotary_embedding_dim: partial },
  });
}
