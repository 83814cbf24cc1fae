/** Rotary position embeddings: tables for the whole context, and the rotation. */
import { microsoft, type GraphBuilder, type Value } from "@dynamo/onnx";
import type { Rotary } from "../architectures/architecture.js";
import { floatsInitializer, type Precision } from "./weights.js";

export interface RotaryTables {
  /** [context, dimensions / 2] */
  readonly cosines: Value;
  readonly sines: Value;
  readonly dimensions: number;
}

/** The tables of a rotation; layers that rotate alike have one pair. */
export type TablesOf = (rotary: Rotary) => RotaryTables;

/** Angle of dimension pair i at a position: position · frequency i. */
export function rotaryTables(graph: GraphBuilder, contextLength: number, precision: Precision): TablesOf {
  const made = new Map<string, RotaryTables>();
  return ({ name, dimensions, frequencies, scale }) => {
    const before = made.get(name);
    if (before !== undefined) return before;
    const half = dimensions / 2;
    const table = (f: (angle: number) => number): Promise<Float32Array> =>
      Promise.resolve(
        Float32Array.from(
          { length: contextLength * half },
          (_, i) => f(Math.floor(i / half) * (frequencies[i % half] as number)) * scale,
        ),
      );
    const dims = [contextLength, half];
    const tables = {
      cosines: floatsInitializer(graph, `${name}.cosines`, dims, precision, () => table(Math.cos)),
      sines: floatsInitializer(graph, `${name}.sines`, dims, precision, () => table(Math.sin)),
      dimensions,
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
  { cosines, sines, dimensions }: RotaryTables,
  x: Value,
  positionIds: Value,
  { heads, headSize }: { readonly heads: number; readonly headSize: number },
): Value {
  // The operator takes 0 for "all of the head", and only then checks the table's width against the head's.
  const partial = dimensions === headSize ? 0 : dimensions;
  return graph.op("RotaryEmbedding", [x, positionIds, cosines, sines], {
    domain: microsoft,
    attributes: { interleaved: 0, num_heads: heads, rotary_embedding_dim: partial },
  });
}
