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
import { attentionBias } from "./attention.js";
import type { NeoxConfig } from "./config.js";
import { fullLayer, layerInput, type Context, type Past } from "./decoder-layers.js";
import { layerReader, type ReadTensor } from "./layer-weights.js";
import { logitOutputs } from "./logits.js";
import { rotaryTables } from "./rotary.js";
import { firstHead, headCaches, withExtraHeads } from "./token-heads.js";
import { activationType, embedding, type Precision } from "./weights.js";

export const opsets = { "": 21, [microsoft]: 1 } as const;
/** The output that holds a pass's new keys and values. */
export const delta = "new_kv";

/** The cache's tensors in the order of `delta`: one pair a base layer, then those of heads 2..N. */
export function cacheTensors(config: NeoxConfig): CacheTensor[] {
  const pair = (layer: string, heads: number): CacheTensor[] => [
    { name: `past_key.${layer}`, kind: "key", heads, headSize: config.headSize },
    { name: `past_value.${layer}`, kind: "value", heads, headSize: config.headSize },
  ];
  const base = Array.from({ length: config.layers }, (_, layer) => pair(String(layer), config.attentionHeads)).flat();
  return [...base, ...headCaches(config).flatMap(({ name, attentionHeads }) => pair(name, attentionHeads))];
}

/** The model's graph; weights are read when it is written. */
export function buildGraph(
  config: NeoxConfig,
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
  const context = prepare(graph.scope("inputs"), config, precision, read, {
    tokens,
    lengths,
    positions,
    pastKey: past.get("past_key.0") as Value,
  });

  const deltas: Value[] = [];
  let x = embedding(
    graph.scope("embed_in"),
    tokens,
    {
      name: "embed_in",
      inputs: config.hiddenSize,
      outputs: config.vocabularySize,
      load: () => read("gpt_neox.embed_in.weight"),
    },
    precision,
  );
  for (let layer = 0; layer < config.layers - 1; layer++) {
    const scope = graph.scope(`stem/layers.${layer}`);
    const names = { weights: `stem.layers.${layer}`, cache: String(layer) };
    const reader = layerReader(read, `gpt_neox.layers.${layer}`);
    const done = fullLayer(scope, context, past, layerInput(scope, context, x), reader, names);
    deltas.push(...done.deltas);
    x = done.output;
  }
  const stem = layerInput(graph.scope("stem"), context, x);
  const first = firstHead(graph.scope("head_1"), context, past, stem);
  const heads = allHeads === undefined ? first : withExtraHeads(graph, context, past, stem, first, allHeads);
  logitOutputs(graph, context, heads.hidden, { topK, allHeads });
  graph.output(
    delta,
    graph.op("Concat", [...deltas, ...heads.deltas], { attributes: { axis: 1 } }),
    activationType(precision),
    ["B", "KV", "S", config.headSize],
  );
  return { graph: graph.finish(), opsets, metadata };
}

function cacheInputs(graph: GraphBuilder, config: NeoxConfig, precision: Precision): Past {
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
  readonly pastKey: Value;
}

function prepare(
  graph: GraphBuilder,
  config: NeoxConfig,
  precision: Precision,
  read: ReadTensor,
  inputs: Inputs,
): Context {
  const dimension = (value: Value, axis: number): Value =>
    graph.op("Shape", [value], { attributes: { start: axis, end: axis + 1 } });
  const newCount = dimension(inputs.tokens, 1);
  const pastCount = dimension(inputs.pastKey, 3);
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
  return {
    config,
    precision,
    read,
    pastCount,
    newCount,
    rotary: rotaryTables(graph, config, precision),
    positionIds: positionIds(newRange),
    wantedPositionIds: positionIds(wanted),
    wanted: graph.op("Unsqueeze", [wanted, graph.ints([2])]),
    stemBias: bias(graph.op("Unsqueeze", [newRange, graph.ints([0])])),
    headBias: bias(wanted),
  };
}
