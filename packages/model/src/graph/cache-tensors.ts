/** The cache of a model's graph: what a session needs to know of it, without what builds the graph. */
import type { CacheTensor } from "@dynamo/core";
import type { Layer } from "../architectures/architecture.js";
import { architectureOf, headKindOf, type ModelConfig } from "../architectures/config.js";
import { headLayer } from "../architectures/tensor-names.js";

/**
 * All heads of one layer on one input: their products and their attention are one each. A convolution reads what lies right before
 * a position, not only before the wanted ones.
 */
export const areBatched = (config: ModelConfig): boolean =>
  config.headLayers === 1 && config.headInput !== "previous" && headLayer(config).convolution === undefined;

export const extraHeads = ({ tokenHeads }: ModelConfig): number[] =>
  Array.from({ length: tokenHeads - 1 }, (_, i) => i + 2);

export const cacheName = (head: number, layer: number): string => `token_heads.${head}.${layer}`;

/** How many heads a value of so many numbers fills in the cache, the last of them padded. */
export const packedHeads = (width: number, headSize: number): number => Math.ceil(width / headSize);

/** The input that holds the states of the positions before. */
export const hiddenName = "past_hidden";

export const hiddenCache = ({ hiddenSize, headSize }: ModelConfig): CacheTensor => ({
  name: hiddenName,
  kind: "value",
  heads: packedHeads(hiddenSize, headSize),
  headSize,
});

/** The output that holds a pass's new keys and values. */
export const delta = "new_kv";

/** Whether heads 2..N know the tokens between: the graph takes them as `between`. */
export const isConditional = (config: ModelConfig): boolean =>
  config.tokenHeads > 1 && headKindOf(config).input === "pairs";

/** So many positions can be taken back from a layer that forgets: its cache keeps them beyond what the layer reads. */
export const rollback = 64;

/** Of a layer that reads so many positions, a query's own included: it reads one less from the cache. */
const ring = (read: number | undefined): Pick<CacheTensor, "room"> =>
  read === undefined ? {} : { room: read - 1 + rollback };

/** What a graph's input calls the axis of positions: it says by that whether it reads the tensor as a ring, and of what room. */
export const positionsAxis = ({ room }: Pick<CacheTensor, "room">): string => (room === undefined ? "C" : `C${room}`);

/** What a layer keeps, or `count` alike side by side: keys and values, the inputs of a convolution, or nothing. */
function layerTensors(name: string, layer: Layer, headSize: number, count = 1): CacheTensor[] {
  const { attention, convolution } = layer;
  if (convolution !== undefined) {
    const heads = packedHeads(convolution.channels, headSize);
    return [{ name: `past_value.${name}`, kind: "value", heads, headSize, ...ring(convolution.taps) }];
  }
  if (attention.heads === 0) return [];
  const sizes = { heads: count * attention.keyValueHeads, headSize, ...ring(attention.window) };
  return [
    { name: `past_key.${name}`, kind: "key", ...sizes },
    { name: `past_value.${name}`, kind: "value", ...sizes },
  ];
}

/** Of heads 2..N: together when they are batched, else those of each head's each layer. */
export function headTensors(config: ModelConfig): CacheTensor[] {
  const layer = headLayer(config);
  const heads = extraHeads(config);
  const tensors = (name: string, count = 1): CacheTensor[] => layerTensors(name, layer, config.headSize, count);
  if (heads.length === 0) return [];
  if (headKindOf(config).input === "pairs") return tensors("module");
  if (areBatched(config)) return tensors("token_heads", heads.length);
  const layers = Array.from({ length: config.headLayers }, (_, i) => i);
  return heads.flatMap((head) => layers.flatMap((i) => tensors(cacheName(head, i))));
}

/** The cache's tensors in the order of `delta`: those of each base layer, then those of heads 2..N. */
export function cacheTensors(config: ModelConfig): CacheTensor[] {
  return [
    ...architectureOf(config).layers.flatMap((layer, i) => layerTensors(String(i), layer, config.headSize)),
    ...headTensors(config),
    ...(isConditional(config) ? [hiddenCache(config)] : []),
  ];
}
