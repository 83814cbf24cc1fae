/**
 * Token heads 2..N: one batched layer where all heads have one decoder layer on the same input (the paper's), else one head
 * after the other.
 */
import type { CacheTensor } from "@dynamo/core";
import type { GraphBuilder, Value } from "@dynamo/onnx";
import type { Layer } from "../architectures/architecture.js";
import { headKindOf, type ModelConfig } from "../architectures/config.js";
import { headLayer, headLayerPrefix } from "../architectures/tensor-names.js";
import { areBatched, cacheName, extraHeads, headTensors } from "./cache-tensors.js";
import { everyPosition, gatherWanted, wantedPositions, type CacheInputs } from "./cached-positions.js";
import { innerContext, type GraphContext } from "./context.js";
import { everywhere } from "./everywhere.js";
import { layerReader, type ReadLayer } from "./product-weights.js";
import { sideBySide, stackHeads } from "./side-by-side.js";
import { activationType, encodeFloats } from "./weights.js";

/** What the layers of a model's graph share. */
export interface ModelContext extends GraphContext {
  readonly config: ModelConfig;
  readonly inputs: CacheInputs;
}

/** Layers' keys and values of the new positions are in the order of the cache's tensors. */
export interface Heads {
  /** [B, P, heads, hidden] */
  readonly states: Value;
  readonly deltas: readonly Value[];
}

export interface LayerOutput {
  /** [B, S, hidden] */
  readonly output: Value;
  readonly deltas: readonly Value[];
}

/** Base layer i at every position. */
export function baseLayer(graph: GraphBuilder, context: ModelContext, layer: number, x: Value): LayerOutput {
  const { architecture, read, inputs } = context;
  const { attention: shape, forward } = architecture.layers[layer] as (typeof architecture.layers)[0];
  const place = { name: `layers.${layer}`, read: layerReader(read, architecture.layerPrefix(layer)), shape };
  const deltas: Value[] = [];
  const positions = everyPosition(inputs, { cache: String(layer), shape, deltas });
  return { output: forward(everywhere(graph, context, place, positions), x), deltas };
}

/** Head 1: the base's last layer. Its output at every position is there only when other heads are built on it. */
export function firstHead(
  graph: GraphBuilder,
  context: ModelContext,
  stem: Value,
): Heads & { readonly output?: Value } {
  const { config, architecture, read } = context;
  const last = config.layers - 1;
  const { input } = headKindOf(config);
  const isInput = input === "pairs" || (input === "layer" && config.headInput !== "stem");
  const isReadWhole = isInput && config.tokenHeads > 1;
  if (!isReadWhole && architecture.layers[last]?.convolution === undefined)
    return headsBeside(graph, context, stem, String(last), [layerReader(read, architecture.layerPrefix(last))]);
  const { output, deltas } = baseLayer(graph, context, last, stem);
  return { states: asHead(graph, context, output), deltas, ...(isReadWhole ? { output } : {}) };
}

/** Layers like the base's last on one input, at the wanted positions. */
function headsBeside(
  graph: GraphBuilder,
  context: ModelContext,
  x: Value,
  cache: string,
  readers: readonly ReadLayer[],
): Heads {
  const { attention: shape, forward } = context.architecture.layers.at(-1) as Layer;
  const deltas: Value[] = [];
  const positions = wantedPositions(context.inputs, { cache, shape, deltas }, readers.length);
  const operations = sideBySide(graph, context, { name: `heads.${cache}`, readers, shape }, positions);
  return { states: stackHeads(graph, forward(operations, { kind: "input", value: x })), deltas };
}

/** The wanted positions of a head's output: [B, P, 1, hidden] */
const asHead = (graph: GraphBuilder, { inputs }: ModelContext, output: Value): Value =>
  graph.op("Unsqueeze", [gatherWanted(graph, inputs, output), graph.ints([2])]);

/** Heads 2..N run only when `all_heads` is true: with them off the model is its base model, at its base model's cost. */
export function withExtraHeads(
  graph: GraphBuilder,
  context: ModelContext,
  stem: Value,
  first: Heads & { readonly output?: Value },
  allHeads: Value,
): Heads {
  const { config, precision } = context;
  const type = activationType(precision);
  const tensors = headTensors(config);
  const then = graph.subgraph("token_heads", (inner) => {
    const own = innerContext(context);
    const input = first.output ?? stem;
    const extra = areBatched(config) ? batchedHeads(inner, own, input) : chainedHeads(inner, own, input);
    return [extra.states, ...extra.deltas].map((value) => ({ value, dtype: type }));
  });
  const otherwise = graph.subgraph("no_token_heads", (inner) => {
    const none = inner.op("Slice", [first.states, inner.ints([0]), inner.ints([0]), inner.ints([2])]);
    const zeros = zeroDeltas(inner, context, first, tensors);
    return [none, ...zeros].map((value) => ({ value, dtype: type }));
  });
  const [states, ...deltas] = graph.ops("If", [allHeads], 1 + tensors.length, {
    attributes: { then_branch: then, else_branch: otherwise },
  }) as [Value, ...Value[]];
  return {
    states: graph.op("Concat", [first.states, states], { attributes: { axis: 2 } }),
    deltas: [...first.deltas, ...deltas],
  };
}

/** The cache takes what all heads keep or nothing: zeros for what was not computed, [B, heads, S, headSize] of each tensor. */
export function zeroDeltas(
  graph: GraphBuilder,
  { precision }: ModelContext,
  { deltas }: Heads,
  tensors: readonly CacheTensor[],
): Value[] {
  const type = activationType(precision);
  const size = (axis: number): Value => graph.op("Shape", [deltas[0]], { attributes: { start: axis, end: axis + 1 } });
  const zerosOf = (heads: number): Value => {
    const shape = graph.op("Concat", [size(0), graph.ints([heads]), size(2), size(3)], { attributes: { axis: 0 } });
    return graph.op("Expand", [graph.float(0, type, (value) => encodeFloats(Float32Array.of(value), type)), shape]);
  };
  const made = new Map([...new Set(tensors.map(({ heads }) => heads))].map((heads) => [heads, zerosOf(heads)]));
  return tensors.map(({ heads }) => made.get(heads) as Value);
}

export const headReader = ({ config, read }: ModelContext, head: number, layer: number): ReadLayer =>
  layerReader(read, headLayerPrefix(config, head, layer));

const batchedHeads = (graph: GraphBuilder, context: ModelContext, x: Value): Heads =>
  headsBeside(
    graph,
    context,
    x,
    "token_heads",
    extraHeads(context.config).map((head) => headReader(context, head, 0)),
  );

/** One head after the other; only a head that the next one is built on, or that convolves, has its last layer at every position. */
function chainedHeads(graph: GraphBuilder, context: ModelContext, base: Value): Heads {
  const { config, inputs } = context;
  const { attention: shape, convolution, forward } = headLayer(config);
  const states: Value[] = [];
  const deltas: Value[] = [];
  let input = base;
  for (const head of extraHeads(config)) {
    const scope = graph.scope(`head_${head}`);
    let x = input;
    for (let layer = 0; layer < config.headLayers; layer++) {
      const inside = scope.scope(`layers.${layer}`);
      const [read, cache] = [headReader(context, head, layer), cacheName(head, layer)];
      const isLast = layer === config.headLayers - 1;
      const isReadWhole = config.headInput === "previous" && head < config.tokenHeads;
      if (isLast && !isReadWhole && convolution === undefined) {
        const wanted = headsBeside(inside, context, x, cache, [read]);
        states.push(wanted.states);
        deltas.push(...wanted.deltas);
        continue;
      }
      const positions = everyPosition(inputs, { cache, shape, deltas });
      x = forward(everywhere(inside, context, { name: `heads.${cache}`, read, shape }, positions), x);
      if (!isLast) continue;
      states.push(asHead(inside, context, x));
      if (isReadWhole) input = x;
    }
  }
  const joined = states.length === 1 ? (states[0] as Value) : graph.op("Concat", states, { attributes: { axis: 2 } });
  return { states: joined, deltas };
}
