/**
 * The ONNX graph of a DynaMo model: stem, token heads, and the likeliest tokens of each head.
 *
 * In:  tokens int32 [B, S] (right-padded), lengths int32 [B] (positions in the cache), positions int32 [B, P] (which of
 *      the S to return logits for), top_k int32 [1], all_heads bool [] (N > 1 only), and the KV cache's tensors.
 * Out: top_ids int32 and top_logits [B, P, n, k], log_sum_exp [B, P, n], logits [B, P, n, V]; n = N or 1; new_kv, the new
 *      positions' keys and values. Outputs that are not fetched are not copied out.
 *
 * The cache is read-only here ("delta KV"): attention is one softmax over the past's scores and the new ones'.
 */
import type { CacheTensor } from "@dynamo/core";
import { graphBuilder, microsoft, type GraphBuilder, type OnnxModel, type Value } from "@dynamo/onnx";
import { architectureOf, headKindOf, type ModelConfig } from "../architectures/config.js";
import { attentionBias } from "./attention.js";
import type { CacheInputs } from "./cached-positions.js";
import { embed } from "./embed.js";
import { finalNorm, logitOutputs } from "./logits.js";
import { withMedusaHeads } from "./medusa-heads.js";
import type { ReadTensor } from "./product-weights.js";
import { rotaryTables } from "./rotary.js";
import { baseLayer, firstHead, headCaches, withExtraHeads, type Heads, type ModelContext } from "./token-heads.js";
import { activationType, type Precision } from "./weights.js";

export const opsets = { "": 21, [microsoft]: 1 } as const;
/** The output that holds a pass's new keys and values. */
export const delta = "new_kv";

/** The cache's tensors in the order of `delta`: one pair a base layer, then those of heads 2..N. */
export function cacheTensors(config: ModelConfig): CacheTensor[] {
  const pair = (layer: string, heads: number, headSize: number): CacheTensor[] => [
    { name: `past_key.${layer}`, kind: "key", heads, headSize },
    { name: `past_value.${layer}`, kind: "value", heads, headSize },
  ];
  const base = architectureOf(config).layers.flatMap(({ attention: { keyValueHeads, headSize } }, layer) =>
    pair(String(layer), keyValueHeads, headSize),
  );
  return [
    ...base,
    ...headCaches(config).flatMap(({ name, keyValueHeads }) => pair(name, keyValueHeads, config.headSize)),
  ];
}

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
  const past = cacheInputs(graph, config, precision);
  const inputs = prepare(graph.scope("inputs"), config, precision, { tokens, lengths, positions, past });
  const context: ModelContext = {
    config,
    architecture: architectureOf(config),
    precision,
    read,
    tables: rotaryTables(graph, config.contextLength, precision),
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
  const heads = normalisedHeads(graph, context, x, allHeads);
  logitOutputs(graph, context, heads.states, { topK, allHeads });
  graph.output(
    delta,
    graph.op("Concat", [...deltas, ...heads.deltas], { attributes: { axis: 1 } }),
    activationType(precision),
    ["B", "KV", "S", config.headSize],
  );
  return { graph: graph.finish(), opsets, metadata };
}

/** All heads' states behind the final norm, from the stem's output [B, S, hidden]. */
function normalisedHeads(graph: GraphBuilder, context: ModelContext, stem: Value, allHeads: Value | undefined): Heads {
  const first = firstHead(graph.scope("head_1"), context, stem);
  const normed = ({ states, deltas }: Heads): Heads => ({ states: finalNorm(graph, context, states), deltas });
  if (allHeads === undefined) return normed(first);
  if (headKindOf(context.config).input === "layer")
    return normed(withExtraHeads(graph, context, stem, first, allHeads));
  const { states, deltas } = normed(first);
  return { states: withMedusaHeads(graph, context, states, allHeads), deltas };
}

type PastInputs = ReadonlyMap<string, Value>;

function cacheInputs(graph: GraphBuilder, config: ModelConfig, precision: Precision): PastInputs {
  const type = activationType(precision);
  return new Map(
    cacheTensors(config).map(({ name, kind, heads, headSize }) => [
      name,
      graph.input(name, type, kind === "key" ? ["B", heads, headSize, "C"] : ["B", heads, "C", headSize]),
    ]),
  );
}

interface Inputs {
  readonly tokens: Value;
  readonly lengths: Value;
  readonly positions: Value;
  readonly past: PastInputs;
}

function prepare(graph: GraphBuilder, config: ModelConfig, precision: Precision, inputs: Inputs): CacheInputs {
  const { past } = inputs;
  const dimension = (value: Value, axis: number): Value =>
    graph.op("Shape", [value], { attributes: { start: axis, end: axis + 1 } });
  const newCount = dimension(inputs.tokens, 1);
  const pastCount = dimension(past.get("past_key.0") as Value, 3);
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
  const bias = attentionBias(graph, {
    lengths: column,
    pastRange: range(pastCount),
    newRange,
    type: activationType(precision),
  });
  const windows = architectureOf(config).layers.map(({ attention }) => attention.window);
  /** All in the main graph: a bias that is made inside a subgraph is not seen outside. */
  const biases = (places: Value, those: readonly (number | undefined)[]): CacheInputs["stemBias"] => {
    const made = new Map([...new Set(those)].map((window) => [window, bias(places, window)]));
    return (window) => made.get(window) as Value;
  };
  return {
    pastCount,
    newCount,
    positionIds: positionIds(newRange),
    wantedPositionIds: positionIds(wanted),
    wanted: graph.op("Unsqueeze", [wanted, graph.ints([2])]),
    stemBias: biases(graph.op("Unsqueeze", [newRange, graph.ints([0])]), windows),
    headBias: biases(wanted, windows.slice(-1)),
    past: (cache) => ({
      pastKey: past.get(`past_key.${cache}`) as Value,
      pastValue: past.get(`past_value.${cache}`) as Value,
    }),
  };
}
