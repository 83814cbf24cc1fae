/** A short convolution over positions, and what it reads of the positions before the new ones. */
import type { GraphBuilder, Value } from "@dynamo/onnx";
import type { Convolution, Layer } from "../architectures/architecture.js";
import { packedHeads } from "./cache-tensors.js";
import { unpack } from "./packed-values.js";
import type { ReadLayer } from "./product-weights.js";
import { encodeFloats, floatsInitializer, transpose, type Precision } from "./weights.js";

export interface ConvolutionPlace {
  /** Of its weights in the graph. */
  readonly name: string;
  readonly read: ReadLayer;
  readonly precision: Precision;
}

/** x [B, taps - 1 + S, channels], which begins with the positions before: [B, S, channels]. */
export function convolve(
  graph: GraphBuilder,
  x: Value,
  { tensor, channels, taps, bias = false }: Convolution,
  { name, read, precision }: ConvolutionPlace,
): Value {
  const ofTap = async (tap: number): Promise<Float32Array> =>
    transpose(await read(`${tensor}.weight`), channels, taps).subarray(tap * channels, (tap + 1) * channels);
  const terms = Array.from({ length: taps }, (_, tap) => {
    const last = tap === taps - 1 ? 2 ** 31 - 1 : tap + 1 - taps;
    const seen = graph.op("Slice", [x, graph.ints([tap]), graph.ints([last]), graph.ints([1])]);
    return graph.op("Mul", [
      seen,
      floatsInitializer(graph, `${name}.tap.${tap}`, [channels], precision, () => ofTap(tap)),
    ]);
  });
  const sum = terms.reduce((a, b) => graph.op("Add", [a, b]));
  if (!bias) return sum;
  const shift = floatsInitializer(graph, `${name}.bias`, [channels], precision, () => read(`${tensor}.bias`));
  return graph.op("Add", [sum, shift]);
}

/** What a convolution reads of the positions before the new ones, from a layer's cache by its name: [B, taps - 1, channels]. */
export type Before = (graph: GraphBuilder, cache: string, convolution: Convolution) => Value;

interface BeforeInputs {
  readonly layers: readonly Layer[];
  /** A layer's tensor of the cache, [B, heads, C, headSize]. */
  readonly past: (cache: string) => Value;
  /** int64 [B, 1]: positions that count in each row */
  readonly lengths: Value;
  readonly headSize: number;
  readonly type: "float32" | "float16";
}

/** Where they lie is found once for all layers whose convolutions are alike; zeros stand before a text. */
export function beforeConvolutions(
  graph: GraphBuilder,
  { layers, past, lengths, headSize, type }: BeforeInputs,
): Before {
  const size = ({ channels, taps }: Convolution): string => `${channels}/${taps}`;
  const found = new Map<string, Places>();
  for (const [i, { convolution }] of layers.entries()) {
    if (convolution === undefined || found.has(size(convolution))) continue;
    const count = graph.op("Shape", [past(String(i))], { attributes: { start: 2, end: 3 } });
    found.set(size(convolution), findPlaces(graph, convolution, { lengths, count, headSize }));
  }
  return (inner, cache, convolution) => {
    const { places, isThere } = found.get(size(convolution)) as Places;
    const held = inner.op("GatherND", [past(cache), places], { attributes: { batch_dims: 2 } });
    const zero = inner.float(0, type, (value) => encodeFloats(Float32Array.of(value), type));
    return unpack(inner, inner.op("Where", [isThere, held, zero]), { width: convolution.channels, headSize });
  };
}

interface Places {
  /** int64 [B, heads, taps - 1, 1], for GatherND of [B, heads, C, headSize] */
  readonly places: Value;
  /** bool [B, 1, taps - 1, 1]: whether there is such a position */
  readonly isThere: Value;
}

interface RingSizes extends Pick<BeforeInputs, "lengths" | "headSize"> {
  /** int64 [1]: places of the ring */
  readonly count: Value;
}

function findPlaces(
  graph: GraphBuilder,
  { channels, taps }: Convolution,
  { lengths, count, headSize }: RingSizes,
): Places {
  const behind = graph.ints(Array.from({ length: taps - 1 }, (_, i) => i + 1 - taps));
  const positions = graph.op("Unsqueeze", [graph.op("Add", [lengths, behind]), graph.ints([1, 3])]);
  const places = graph.op("Mod", [positions, count]);
  return {
    places: graph.op("Expand", [places, graph.ints([1, packedHeads(channels, headSize), 1, 1])]),
    isThere: graph.op("GreaterOrEqual", [positions, graph.ints([0], { scalar: true })]),
  };
}
