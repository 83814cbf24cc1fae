/** Decoder layers of a model with a KV cache: at every position, or where logits are wanted. */
import { microsoft, type GraphBuilder, type Value } from "@dynamo/onnx";
import { attend, splitHeads, type Shapes } from "./attention.js";
import type { NeoxConfig } from "./config.js";
import { inputProduct, outputProduct, type Projection, type ReadLayer, type ReadTensor } from "./layer-weights.js";
import { rotate, type Rotary } from "./rotary.js";
import { activationType, encodeFloats, linear, type Precision } from "./weights.js";

/** Everything that the layers of one graph share. */
export interface Context extends Shapes {
  readonly config: NeoxConfig;
  readonly precision: Precision;
  readonly rotary: Rotary;
  readonly read: ReadTensor;
  /** int64 [B, S] and [B, P] */
  readonly positionIds: Value;
  readonly wantedPositionIds: Value;
  /** int64 [B, P, 1], for GatherND */
  readonly wanted: Value;
  readonly stemBias: Value;
  readonly headBias: Value;
}

/** The cache's inputs by name. */
export type Past = ReadonlyMap<string, Value>;

/** What layers read, at every position. */
export interface LayerInput {
  /** [B, S, hidden] */
  readonly output: Value;
  readonly normalised: Value;
}

/** Layers' keys and values of the new positions, in the order of the cache's tensors. */
export interface Everywhere {
  /** [B, S, hidden] */
  readonly output: Value;
  readonly deltas: readonly Value[];
}

export interface Heads {
  /** [B, P, heads, hidden] */
  readonly hidden: Value;
  readonly deltas: readonly Value[];
}

/** Where a layer's weights, and its keys and values in the cache, have their names. */
export interface LayerNames {
  /** Of the products' weights in the graph. */
  readonly weights: string;
  /** The suffix of the cache's tensors. */
  readonly cache: string;
}

/** A value with its normalisation, which all layers on it share. */
export const layerInput = (graph: GraphBuilder, context: Context, output: Value): LayerInput => ({
  output,
  normalised: normalise(graph, context, output),
});

/** (x - mean) / sqrt(variance + ε): the norm's gain and shift are in the weights behind it. */
export function normalise(
  graph: GraphBuilder,
  { config, precision }: Pick<Context, "config" | "precision">,
  x: Value,
): Value {
  const ones = graph.initializer(`${x}/ones`, activationType(precision), [config.hiddenSize], () =>
    encodeFloats(new Float32Array(config.hiddenSize).fill(1), activationType(precision)),
  );
  return graph.op("LayerNormalization", [x, ones], {
    attributes: { axis: -1, epsilon: { float: config.layerNormEpsilon } },
  });
}

/** One decoder layer at every position. */
export function fullLayer(
  graph: GraphBuilder,
  context: Context,
  past: Past,
  x: LayerInput,
  read: ReadLayer,
  { weights: name, cache }: LayerNames,
): Everywhere {
  const { config, precision } = context;
  const { hiddenSize, intermediateSize, attentionHeads } = config;
  const projections: readonly Projection[] = ["query", "key", "value", "mlp"];
  const parts = projections.map((projection) => ({ read, projection }));
  const fused = linear(graph.scope("in"), x.normalised, inputProduct(config, `${name}.in`, parts), precision);
  const [qk, v, mlp] = graph.ops("Split", [fused, graph.ints([2 * hiddenSize, hiddenSize, intermediateSize])], 3, {
    attributes: { axis: -1 },
  }) as [Value, Value, Value];
  const rotated = splitHeads(
    graph,
    rotate(graph, context.rotary, qk, context.positionIds, 2 * attentionHeads),
    2 * attentionHeads,
    config.headSize,
  );
  const [query, key] = graph.ops("Split", [rotated], 2, { attributes: { axis: 1, num_outputs: 2 } }) as [Value, Value];
  const value = splitHeads(graph, v, attentionHeads, config.headSize);
  const attended = attend(graph.scope("attention"), context, {
    query,
    key,
    value,
    pastKey: past.get(`past_key.${cache}`) as Value,
    pastValue: past.get(`past_value.${cache}`) as Value,
    bias: context.stemBias,
  });
  const joined = joinBranches(graph, attended, mlp, hiddenSize);
  const product = linear(graph.scope("out"), joined, outputProduct(config, `${name}.out`, read), precision);
  return { output: graph.op("Add", [x.output, product]), deltas: [key, value] };
}

/** [attention | gelu(mlp)], the input of a layer's output product. */
export function joinBranches(graph: GraphBuilder, attended: Value, mlp: Value, attendedSize: number): Value {
  const merged = graph.op("Reshape", [
    graph.op("Transpose", [attended], { attributes: { perm: [0, 2, 1, 3] } }),
    graph.ints([0, 0, attendedSize]),
  ]);
  return graph.op("Concat", [merged, gelu(graph, mlp)], { attributes: { axis: -1 } });
}

/** Exact GELU; the contributed operator has a kernel on every provider. */
const gelu = (graph: GraphBuilder, x: Value): Value => graph.op("Gelu", [x], { domain: microsoft });

/** x [B, S, …] at the wanted positions: [B, P, …] */
export const gatherWanted = (graph: GraphBuilder, { wanted }: Context, x: Value): Value =>
  graph.op("GatherND", [x, wanted], { attributes: { batch_dims: 1 } });

/**
 * The decoder layers of one or more token heads side by side on the same input: keys and values at all positions,
 * everything else only at the wanted ones.
 */
export function headLayers(
  graph: GraphBuilder,
  context: Context,
  past: Past,
  x: LayerInput,
  cache: string,
  readers: readonly ReadLayer[],
): Heads {
  const { config, precision } = context;
  const { hiddenSize, intermediateSize, headSize } = config;
  const heads = readers.length * config.attentionHeads;
  const width = readers.length * hiddenSize;
  const each = (projection: Projection): { read: ReadLayer; projection: Projection }[] =>
    readers.map((read) => ({ read, projection }));
  const name = `heads.${cache}`;

  const kv = linear(
    graph.scope("kv"),
    x.normalised,
    inputProduct(config, `${name}.kv`, [...each("key"), ...each("value")]),
    precision,
  );
  const [k, v] = graph.ops("Split", [kv], 2, { attributes: { axis: -1, num_outputs: 2 } }) as [Value, Value];
  const key = splitHeads(graph, rotate(graph, context.rotary, k, context.positionIds, heads), heads, headSize);
  const value = splitHeads(graph, v, heads, headSize);

  const wantedInput = gatherWanted(graph, context, x.normalised);
  const qm = linear(
    graph.scope("q_mlp"),
    wantedInput,
    inputProduct(config, `${name}.q_mlp`, [...each("query"), ...each("mlp")]),
    precision,
  );
  const [q, mlp] = graph.ops("Split", [qm, graph.ints([width, readers.length * intermediateSize])], 2, {
    attributes: { axis: -1 },
  }) as [Value, Value];
  const query = splitHeads(graph, rotate(graph, context.rotary, q, context.wantedPositionIds, heads), heads, headSize);
  const attended = attend(graph.scope("attention"), context, {
    query,
    key,
    value,
    pastKey: past.get(`past_key.${cache}`) as Value,
    pastValue: past.get(`past_value.${cache}`) as Value,
    bias: context.headBias,
  });
  const residual = gatherWanted(graph, context, x.output);
  const joined = perHead(graph, attended, gelu(graph, mlp), readers.length, config);
  const outputs = joined.map((input, i) => {
    const product = linear(
      graph.scope(`out.${i}`),
      input,
      outputProduct(config, `${name}.out.${i}`, readers[i] as ReadLayer),
      precision,
    );
    return graph.op("Unsqueeze", [graph.op("Add", [residual, product]), graph.ints([2])]);
  });
  const hidden =
    outputs.length === 1 ? (outputs[0] as Value) : graph.op("Concat", outputs, { attributes: { axis: 2 } });
  return { hidden, deltas: [key, value] };
}

/** Cuts attention and MLP outputs of heads side by side into one [attention | mlp] input a head. */
function perHead(
  graph: GraphBuilder,
  attended: Value,
  activated: Value,
  count: number,
  { hiddenSize }: NeoxConfig,
): Value[] {
  const merged = graph.op("Reshape", [
    graph.op("Transpose", [attended], { attributes: { perm: [0, 2, 1, 3] } }),
    graph.ints([0, 0, count * hiddenSize]),
  ]);
  const split = (value: Value): Value[] =>
    count === 1 ? [value] : graph.ops("Split", [value], count, { attributes: { axis: -1, num_outputs: count } });
  const mlps = split(activated);
  return split(merged).map((part, i) => graph.op("Concat", [part, mlps[i] as Value], { attributes: { axis: -1 } }));
}
