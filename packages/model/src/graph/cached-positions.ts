/** Positions behind a KV cache: where the layers of the model's graph compute, and what they see. */
import type { GraphBuilder, Value } from "@dynamo/onnx";
import type { AttentionShape } from "../architectures/architecture.js";
import { attendToCache, type Counts, type HeadOperands, type Past } from "./attention.js";
import type { Before } from "./convolution.js";
import type { Positions } from "./everywhere.js";
import { pack } from "./packed-values.js";
import { rotate } from "./rotary.js";
import type { WantedPositions } from "./side-by-side.js";

/** What all layers of the graph read. */
export interface CacheInputs {
  /** int64 [B, S] and [B, P] */
  readonly positionIds: Value;
  readonly wantedPositionIds: Value;
  /** int64 [B, 1]: positions that count in each row's cache */
  readonly lengths: Value;
  /** int64 [S]: 0, 1, 2, … */
  readonly newRange: Value;
  /** Of the caches of layers with this window. int64 [C]: 0, 1, 2, … */
  readonly pastRange: (window: number | undefined) => Value;
  readonly counts: (window: number | undefined) => Counts;
  /** int64 [B, P, 1], for GatherND */
  readonly wanted: Value;
  /** The biases of layers of this shape, for groups of queries at every position and at the wanted ones. */
  readonly stemBias: (shape: AttentionShape) => Value;
  readonly headBias: (shape: AttentionShape) => Value;
  /** A layer's tensors of the cache, by its name there. */
  past(cache: string): Past;
  readonly before: Before;
  /** Of all tensors of the cache. */
  readonly headSize: number;
}

/** One layer's. `deltas` takes what is kept of the new positions: keys and values, or a convolution's inputs. */
export interface LayerCache {
  readonly cache: string;
  readonly shape: AttentionShape;
  readonly deltas: Value[];
}

export function everyPosition(inputs: CacheInputs, { cache, shape, deltas }: LayerCache): Positions {
  return {
    rotate: (graph, tables, x, heads) =>
      rotate(graph, tables, x, inputs.positionIds, { heads, headSize: shape.headSize }),
    attend(graph, operands) {
      deltas.push(operands.key, operands.value);
      const bias = inputs.stemBias(shape);
      return attendToCache(graph, inputs.counts(shape.window), { ...shape, ...operands, ...inputs.past(cache), bias });
    },
    withBefore(graph, x, convolution) {
      deltas.push(pack(graph, x, { width: convolution.channels, headSize: inputs.headSize }));
      return graph.op("Concat", [inputs.before(graph, cache, convolution), x], { attributes: { axis: 1 } });
    },
  };
}

/** Of `count` heads side by side. */
export function wantedPositions(
  inputs: CacheInputs,
  { cache, shape, deltas }: LayerCache,
  count: number,
): WantedPositions {
  const { headSize, window, softCap } = shape;
  const [heads, keyValueHeads] = [count * shape.heads, count * shape.keyValueHeads];
  return {
    rotateQueries: (graph, tables, x) => rotate(graph, tables, x, inputs.wantedPositionIds, { heads, headSize }),
    rotateKeys: (graph, tables, x) => rotate(graph, tables, x, inputs.positionIds, { heads: keyValueHeads, headSize }),
    attend(graph, operands: HeadOperands) {
      deltas.push(operands.key, operands.value);
      const sizes = { heads, keyValueHeads, headSize, softCap };
      return attendToCache(graph, inputs.counts(window), {
        ...sizes,
        ...operands,
        ...inputs.past(cache),
        bias: inputs.headBias(shape),
      });
    },
    gather: (graph, x) => gatherWanted(graph, inputs, x),
  };
}

/** x [B, S, …] at the wanted positions: [B, P, …] */
export const gatherWanted = (graph: GraphBuilder, { wanted }: Pick<CacheInputs, "wanted">, x: Value): Value =>
  graph.op("GatherND", [x, wanted], { attributes: { batch_dims: 1 } });
