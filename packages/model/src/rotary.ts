/** Rotary position embedding on the first `rotaryDimensions` of each attention head, in the half-split form. */
import { microsoft, type GraphBuilder, type Value } from "@dynamo/onnx";
import type { NeoxConfig } from "./config.js";
import { floatsInitializer, type Precision } from "./weights.js";

export interface Rotary {
  /** [context, rotaryDimensions / 2] */
  readonly cosines: Value;
  readonly sines: Value;
  readonly dimensions: number;
  readonly headSize: number;
}

/** Angle of dimension pair i at a position: position / base^(2i / rotaryDimensions). */
export function rotaryTables(graph: GraphBuilder, config: NeoxConfig, precision: Precision): Rotary {
  const { contextLength, rotaryDimensions, rotaryBase, headSize } = config;
  const half = rotaryDimensions / 2;
  const table = (f: (angle: number) => number): Promise<Float32Array> =>
    Promise.resolve(
      Float32Array.from({ length: contextLength * half }, (_, i) =>
        f(Math.floor(i / half) * rotaryBase ** ((-2 * (i % half)) / rotaryDimensions)),
      ),
    );
  const dims = [contextLength, half];
  return {
    cosines: floatsInitializer(graph, "rotary.cosines", dims, precision, () => table(Math.cos)),
    sines: floatsInitializer(graph, "rotary.sines", dims, precision, () => table(Math.sin)),
    dimensions: rotaryDimensions,
    headSize,
  };
}

/** Rotates x [B, S, heads·headSize] by its position ids int64 [B, S]. */
export function rotate(
  graph: GraphBuilder,
  { cosines, sines, dimensions, headSize }: Rotary,
  x: Value,
  positionIds: Value,
  heads: number,
): Value {
  // The operator takes 0 for "all of the head", and only then checks the table's width against the head's.
  const partial = dimensions === headSize ? 0 : dimensions;
  return graph.op("RotaryEmbedding", [x, positionIds, cosines, sines], {
    domain: microsoft,
    attributes: { interleaved: 0, num_heads: heads, rotary_embedding_dim: partial },
  });
}
