/** The cache of a model's graph: what a session needs to know of it, without what builds the graph. */
import type { CacheTensor } from "@dynamo/core";
import { architectureOf, headKindOf, type ModelConfig } from "../architectures/config.js";
import { headLayer } from "../architectures/tensor-names.js";

/** All heads of one layer on one input: their products and their attention are one each. */
export const areBatched = ({ headLayers: layers, headInput }: ModelConfig): boolean =>
  layers === 1 && headInput !== "previous";

export const extraHeads = ({ tokenHeads }: ModelConfig): number[] =>
  Array.from({ length: tokenHeads - 1 }, (_, i) => i + 2);

export const cacheName = (head: number, layer: number): string => `token_heads.${head}.${layer}`;

/** Keys and values of one layer, or of several heads' layers side by side. */
export interface LayerCaches {
  readonly name: string;
  readonly keyValueHeads: number;
  readonly window: number | undefined;
}

/** Of heads 2..N: together when they are batched, else those of each head's each layer. */
export function headCaches(config: ModelConfig): readonly LayerCaches[] {
  const { keyValueHeads, window } = headLayer(config).attention;
  const heads = extraHeads(config);
  if (heads.length === 0 || keyValueHeads === 0) return [];
  if (headKindOf(config).input === "pairs") return [{ name: "module", keyValueHeads, window }];
  if (areBatched(config)) return [{ name: "token_heads", keyValueHeads: heads.length * keyValueHeads, window }];
  const layers = Array.from({ length: config.headLayers }, (_, layer) => layer);
  return heads.flatMap((head) => layers.map((layer) => ({ name: cacheName(head, layer), keyValueHeads, window })));
}

/** The input that holds the states of the positions before. */
export const hiddenName = "past_hidden";

/** A state lies in the cache as values of so many heads, the last of them padded. */
export const hiddenHeads = ({ hiddenSize, headSize }: ModelConfig): number => Math.ceil(hiddenSize / headSize);

export const hiddenCache = (config: ModelConfig): CacheTensor => ({
  name: hiddenName,
  kind: "value",
  heads: hiddenHeads(config),
  headSize: config.headSize,
});

/** The output that holds a pass's new keys and values. */
export const delta = "new_kv";

/** Whether heads 2..N know the tokens between: the graph takes them as `between`. */
export const isConditional = (config: ModelConfig): boolean =>
  config.tokenHeads > 1 && headKindOf(config).input === "pairs";

/** So many positions can be taken back from a layer with a window: its cache keeps them beyond what the window needs. */
export const rollback = 64;

/** A query that sees `window` positions, itself included, reads one less from the cache. */
const ring = (window: number | undefined): Pick<CacheTensor, "room"> =>
  window === undefined ? {} : { room: window - 1 + rollback };

/** What a graph's input calls the axis of positions: it says by that whether it reads the tensor as a ring, and of what room. */
export const positionsAxis = ({ room }: Pick<CacheTensor, "room">): string => (room === undefined ? "C" : `C${room}`);

/** The cache's tensors in the order of `delta`: one pair a base layer, then those of heads 2..N. */
export function cacheTensors(config: ModelConfig): CacheTensor[] {
  const pair = ({ name, keyValueHeads: heads, window }: LayerCaches, headSize: number): CacheTensor[] => [
    { name: `past_key.${name}`, kind: "key", heads, headSize, ...ring(window) },
    { name: `past_value.${name}`, kind: "value", heads, headSize, ...ring(window) },
  ];
  const base = architectureOf(config).layers.flatMap(({ attention: { keyValueHeads, headSize, window } }, layer) =>
    pair({ name: String(layer), keyValueHeads, window }, headSize),
  );
  return [
    ...base,
    ...headCaches(config).flatMap((each) => pair(each, config.headSize)),
    ...(isConditional(config) ? [hiddenCache(config)] : []),
  ];
}
