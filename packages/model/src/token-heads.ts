/**
 * Token heads 2..N: one batched layer where all heads have one decoder layer on the same input (the paper's), else one head
 * after the other.
 */
import type { GraphBuilder, Value } from "@dynamo/onnx";
import type { NeoxConfig } from "./config.js";
import {
  fullLayer,
  gatherWanted,
  headLayers,
  layerInput,
  type Context,
  type Heads,
  type LayerInput,
  type Past,
} from "./decoder-layers.js";
import { layerReader, type ReadLayer } from "./layer-weights.js";
import { headLayerPrefix } from "./tensor-names.js";
import { activationType, encodeFloats } from "./weights.js";

/** All heads of one layer on one input: their products and their attention are one each. */
const areBatched = ({ headLayers: layers, headInput }: NeoxConfig): boolean => layers === 1 && headInput !== "previous";

const extraHeads = ({ tokenHeads }: NeoxConfig): number[] => Array.from({ length: tokenHeads - 1 }, (_, i) => i + 2);

const cacheName = (head: number, layer: number): string => `token_heads.${head}.${layer}`;

/** Keys and values of heads 2..N in the cache: together when they are batched, else those of each head's each layer. */
export function headCaches(config: NeoxConfig): readonly { readonly name: string; readonly attentionHeads: number }[] {
  const { attentionHeads } = config;
  const heads = extraHeads(config);
  if (heads.length === 0) return [];
  if (areBatched(config)) return [{ name: "token_heads", attentionHeads: heads.length * attentionHeads }];
  const layers = Array.from({ length: config.headLayers }, (_, layer) => layer);
  return heads.flatMap((head) => layers.map((layer) => ({ name: cacheName(head, layer), attentionHeads })));
}

/** Head 1: the base's last layer. Its output at every position is there only when other heads are built on it. */
export function firstHead(
  graph: GraphBuilder,
  context: Context,
  past: Past,
  stem: LayerInput,
): Heads & { readonly output?: Value } {
  const { config, read } = context;
  const cache = String(config.layers - 1);
  const reader = layerReader(read, `gpt_neox.layers.${cache}`);
  if (config.headInput === "stem" || config.tokenHeads === 1)
    return headLayers(graph, context, past, stem, cache, [reader]);
  const { output, deltas } = fullLayer(graph, context, past, stem, reader, { weights: `heads.${cache}`, cache });
  return { hidden: asHead(graph, context, output), deltas, output };
}

/** The wanted positions of a head's output: [B, P, 1, hidden] */
const asHead = (graph: GraphBuilder, context: Context, output: Value): Value =>
  graph.op("Unsqueeze", [gatherWanted(graph, context, output), graph.ints([2])]);

/** Heads 2..N run only when `all_heads` is true: with them off the model is its base model, at its base model's cost. */
export function withExtraHeads(
  graph: GraphBuilder,
  context: Context,
  past: Past,
  stem: LayerInput,
  first: Heads & { readonly output?: Value },
  allHeads: Value,
): Heads {
  const { config, precision } = context;
  const type = activationType(precision);
  const caches = headCaches(config);
  const then = graph.subgraph("token_heads", (inner) => {
    const input = first.output === undefined ? stem : layerInput(inner, context, first.output);
    const extra = areBatched(config)
      ? batchedHeads(inner, context, past, input)
      : chainedHeads(inner, context, past, input);
    return [extra.hidden, ...extra.deltas].map((value) => ({ value, dtype: type }));
  });
  const otherwise = graph.subgraph("no_token_heads", (inner) => {
    const none = inner.op("Slice", [first.hidden, inner.ints([0]), inner.ints([0]), inner.ints([2])]);
    // The cache takes all heads' keys and values or none: zeros for those that were not computed.
    const size = (axis: number): Value =>
      inner.op("Shape", [first.deltas[0]], { attributes: { start: axis, end: axis + 1 } });
    const heads = inner.ints([caches[0]?.attentionHeads ?? 0]);
    const shape = inner.op("Concat", [size(0), heads, size(2), size(3)], { attributes: { axis: 0 } });
    const zeros = inner.op("Expand", [
      inner.float(0, type, (value) => encodeFloats(Float32Array.of(value), type)),
      shape,
    ]);
    return [none, ...caches.flatMap(() => [zeros, zeros])].map((value) => ({ value, dtype: type }));
  });
  const [hidden, ...deltas] = graph.ops("If", [allHeads], 1 + 2 * caches.length, {
    attributes: { then_branch: then, else_branch: otherwise },
  }) as [Value, ...Value[]];
  return {
    hidden: graph.op("Concat", [first.hidden, hidden], { attributes: { axis: 2 } }),
    deltas: [...first.deltas, ...deltas],
  };
}

const headReader = ({ config, read }: Context, head: number, layer: number): ReadLayer =>
  layerReader(read, headLayerPrefix(config, head, layer));

const batchedHeads = (graph: GraphBuilder, context: Context, past: Past, input: LayerInput): Heads =>
  headLayers(
    graph,
    context,
    past,
    input,
    "token_heads",
    extraHeads(context.config).map((head) => headReader(context, head, 0)),
  );

/** One head after the other; only a head that the next one is built on has its last layer at every position. */
function chainedHeads(graph: GraphBuilder, context: Context, past: Past, base: LayerInput): Heads {
  const { config } = context;
  const hidden: Value[] = [];
  const deltas: Value[] = [];
  let input = base;
  for (const head of extraHeads(config)) {
    const scope = graph.scope(`head_${head}`);
    let x = input;
    for (let layer = 0; layer < config.headLayers; layer++) {
      const inside = scope.scope(`layers.${layer}`);
      const [read, cache] = [headReader(context, head, layer), cacheName(head, layer)];
      const isLast = layer === config.headLayers - 1;
      if (isLast && (config.headInput !== "previous" || head === config.tokenHeads)) {
        const wanted = headLayers(inside, context, past, x, cache, [read]);
        hidden.push(wanted.hidden);
        deltas.push(...wanted.deltas);
        continue;
      }
      const full = fullLayer(inside, context, past, x, read, { weights: `heads.${cache}`, cache });
      deltas.push(...full.deltas);
      x = layerInput(inside.scope("output"), context, full.output);
      if (!isLast) continue;
      hidden.push(asHead(inside, context, full.output));
      input = x;
    }
  }
  const joined = hidden.length === 1 ? (hidden[0] as Value) : graph.op("Concat", hidden, { attributes: { axis: 2 } });
  return { hidden: joined, deltas };
}
