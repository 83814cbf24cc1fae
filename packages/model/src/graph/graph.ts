/**
 * The ONNX graph of a DynaMo model: stem, token heads, and the likeliest tokens of each head.
 *
 * In:  tokens int32 [B, S] (right-padded), lengths int32 [B] (positions in the cache), positions int32 [B, P] (which of
 *      the S to return logits for), top_k int32 [1], all_heads bool [] (N > 1 only), between int32 [B, P, N - 1] (conditional
 *      heads only: the tokens behind each wanted position, -1 for the likeliest), long_context bool [] (models that rotate long
 *      texts otherwise only), and the KV cache's tensors.
 * Out: top_ids int32 and top_logits [B, P, n, k], log_sum_exp [B, P, n], logits [B, P, n, V]; n = N or 1; new_kv, the new
 *      positions' keys and values, and inputs of convolutions. Outputs that are not fetched are not copied out.
 *
 * The cache is read-only here ("delta KV"): attention is one softmax over the past's scores and the new ones'.
 */
import { graphBuilder, microsoft, type GraphBuilder, type OnnxModel, type Value } from "@dynamo/onnx";
import type { Layer } from "../architectures/architecture.js";
import { architectureOf, headKindOf, type ModelConfig } from "../architectures/config.js";
import { headLayer } from "../architectures/tensor-names.js";
import { attentionBias, biasesOf } from "./attention.js";
import { cacheTensors, delta, isConditional, positionsAxis } from "./cache-tensors.js";
import type { CacheInputs } from "./cached-positions.js";
import { beforeConvolutions } from "./convolution.js";
import { conditionalOutput } from "./conditional-states.js";
import { embed } from "./embed.js";
import { fuseResiduals } from "./fuse-residuals.js";
import { finalNorm, logitOutputs, outputProducts } from "./logits.js";
import { longContextName, shortLength } from "./long-context.js";
import { withMedusaHeads } from "./medusa-heads.js";
import { withModuleHeads } from "./module-heads.js";
import type { ReadTensor } from "./product-weights.js";
import { rotaryTables } from "./rotary.js";
import { baseLayer, firstHead, withExtraHeads, type ModelContext } from "./token-heads.js";
import { activationType, type Precision } from "./weights.js";

export const opsets = { "": 21, [microsoft]: 1 } as const;

/** The model's graph; weights are read when it is written. */
export function buildGraph(
  config: ModelConfig,
  precision: Precision,
  read: ReadTensor,
  metadata: Record<string, string>,
): OnnxModel {
  const graph = graphBuilder("dynamo");
  const tokens = graph.input("tokens", "int32", ["B", "S"]);
  const lengths = graph.input("lengths", "int32", ["B"]);
  const positions = graph.input("positions", "int32", ["B", "P"]);
  const topK = graph.input("top_k", "int32", [1]);
  const allHeads = config.tokenHeads > 1 ? graph.input("all_heads", "bool", []) : undefined;
  const between = isConditional(config)
    ? graph.input("between", "int32", ["B", "P", config.tokenHeads - 1])
    : undefined;
  const architecture = architectureOf(config);
  const isLong = shortLength(architecture) === undefined ? undefined : graph.input(longContextName, "bool", []);
  const past = cacheInputs(graph, config, precision);
  const inputs = prepare(graph.scope("inputs"), config, precision, { tokens, lengths, positions, past });
  const context: ModelContext = {
    config,
    architecture,
    precision,
    read,
    tables: rotaryTables(graph, config.contextLength, precision, isLong),
    normalised: new Map(),
    inputs,
  };

  const deltas: Value[] = [];
  let x = embed(graph.scope("embedding"), context, tokens, () => inputs.positionIds);
  for (let layer = 0; layer < config.layers - 1; layer++) {
    const done = baseLayer(graph.scope(`stem/layers.${layer}`), context, layer, x);
    deltas.push(...done.deltas);
    x = done.output;
  }
  const heads = headProducts(graph, context, x, { tokens, between, allHeads });
  logitOutputs(graph, context, heads.product, topK);
  graph.output(
    delta,
    graph.op("Concat", [...deltas, ...heads.deltas], { attributes: { axis: 1 } }),
    activationType(precision),
    ["B", "KV", "S", config.headSize],
  );
  return { graph: fuseResiduals(graph.finish()), opsets, metadata };
}

interface HeadInputs {
  readonly tokens: Value;
  readonly between: Value | undefined;
  readonly allHeads: Value | undefined;
}

/** All heads' products with the output embedding, [B, P, n, V], from the stem's output [B, S, hidden]. */
function headProducts(
  graph: GraphBuilder,
  context: ModelContext,
  stem: Value,
  { tokens, between, allHeads }: HeadInputs,
): { readonly product: Value; readonly deltas: readonly Value[] } {
  const first = firstHead(graph.scope("head_1"), context, stem);
  const { input } = headKindOf(context.config);
  if (allHeads !== undefined && input === "layer") {
    const { states, deltas } = withExtraHeads(graph, context, stem, first, allHeads);
    const normed = finalNorm(graph, context, states);
    conditionalOutput(graph, context, normed, allHeads);
    return { product: outputProducts(graph, context, normed, allHeads), deltas };
  }
  const normed = finalNorm(graph, context, first.states);
  if (allHeads !== undefined && input === "normed") {
    const states = withMedusaHeads(graph, context, normed, allHeads);
    return { product: outputProducts(graph, context, states, allHeads), deltas: first.deltas };
  }
  const product = outputProducts(graph, context, normed, undefined);
  if (allHeads === undefined || between === undefined) return { product, deltas: first.deltas };
  return withModuleHeads(graph, context, { ...first, normed, product }, { tokens, between, allHeads });
}

type PastInputs = ReadonlyMap<string, Value>;

function cacheInputs(graph: GraphBuilder, config: ModelConfig, precision: Precision): PastInputs {
  const type = activationType(precision);
  return new Map(
    cacheTensors(config).map((tensor) => {
      const { name, kind, heads, headSize } = tensor;
      const axis = positionsAxis(tensor);
      return [
        name,
        graph.input(name, type, kind === "key" ? ["B", heads, headSize, axis] : ["B", heads, axis, headSize]),
      ];
    }),
  );
}

interface Inputs {
  readonly tokens: Value;
  readonly lengths: Value;
  readonly positions: Value;
  readonly past: PastInputs;
}

/** Of the layers that attend. */
const windowsOf = (layers: readonly Layer[]): (number | undefined)[] =>
  layers.flatMap(({ attention: { heads, window } }) => (heads === 0 ? [] : [window]));

type OfWindow = (window: number | undefined) => Value;

function prepare(graph: GraphBuilder, config: ModelConfig, precision: Precision, inputs: Inputs): CacheInputs {
  const { past } = inputs;
  const { headSize } = config;
  const pastValue = (cache: string): Value => past.get(`past_value.${cache}`) as Value;
  const dimension = (value: Value, axis: number): Value =>
    graph.op("Shape", [value], { attributes: { start: axis, end: axis + 1 } });
  const newCount = dimension(inputs.tokens, 1);
  const range = (count: Value): Value =>
    graph.op("Range", [
      graph.ints([0], { scalar: true }),
      graph.op("Squeeze", [count]),
      graph.ints([1], { scalar: true }),
    ]);
  const newRange = range(newCount);
  const lengths = graph.cast(inputs.lengths, "int64");
  const wanted = graph.cast(inputs.positions, "int64");
  const column = graph.op("Unsqueeze", [lengths, graph.ints([1])]);
  // Padding may reach past the context's end; its positions count for nothing, but must stand in the rotary table.
  const positionIds = (places: Value): Value =>
    graph.op("Min", [graph.op("Add", [column, places]), graph.ints([config.contextLength - 1], { scalar: true })]);
  const { layers } = architectureOf(config);
  const windows = windowsOf(layers);
  /** All in the main graph: a value that is made inside a subgraph is not seen outside. */
  const forEach = (those: readonly (number | undefined)[], make: (window: number | undefined) => Value): OfWindow => {
    const made = new Map([...new Set(those)].map((window) => [window, make(window)]));
    return (window) => made.get(window) as Value;
  };
  const pastCount = forEach(windows, (window) =>
    dimension(past.get(`past_key.${layers.findIndex((layer) => windowsOf([layer]).includes(window))}`) as Value, 3),
  );
  const pastRange = forEach(windows, (window) => range(pastCount(window)));
  const type = activationType(precision);
  const bias = attentionBias(graph, { lengths: column, pastRange, pastCount, newRange, type });
  const newColumn = graph.op("Unsqueeze", [newRange, graph.ints([0])]);
  return {
    lengths: column,
    newRange,
    pastRange,
    counts: (window) => ({ pastCount: pastCount(window), newCount }),
    positionIds: positionIds(newRange),
    wantedPositionIds: positionIds(wanted),
    wanted: graph.op("Unsqueeze", [wanted, graph.ints([2])]),
    stemBias: biasesOf(graph, layers, (window) => bias(newColumn, window)),
    headBias: biasesOf(graph, [...layers.slice(-1), headLayer(config)], (window) => bias(wanted, window)),
    past: (cache) => ({ pastKey: past.get(`past_key.${cache}`) as Value, pastValue: pastValue(cache) }),
    before: beforeConvolutions(graph, { layers, past: pastValue, lengths: column, headSize, type }),
    headSize,
  };
}
