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
import { attend, attentionBias, splitHeads, type Shapes } from "./attention.js";
import type { NeoxConfig } from "./config.js";
import { inputProduct, outputProduct, type Projection, type ReadLayer } from "./layer-weights.js";
import { rotaryTables, rotate, type Rotary } from "./rotary.js";
import { activationType, embedding, encodeFloats, floatsInitializer, linear, type Precision } from "./weights.js";

/** Reads a checkpoint's tensor by its full name. */
export type ReadTensor = (name: string) => Promise<Float32Array>;

export const opsets = { "": 21, [microsoft]: 1 } as const;
/** The output that holds a pass's new keys and values. */
export const delta = "new_kv";

/** Everything that the layers of one graph share. */
interface Context extends Shapes {
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

/** The cache's tensors in the order of `delta`: one pair a base layer, and one pair for heads 2..N together. */
export function cacheTensors(config: NeoxConfig): CacheTensor[] {
  const pair = (layer: string, heads: number): CacheTensor[] => [
    { name: `past_key.${layer}`, kind: "key", heads, headSize: config.headSize },
    { name: `past_value.${layer}`, kind: "value", heads, headSize: config.headSize },
  ];
  const base = Array.from({ length: config.layers }, (_, layer) => pair(String(layer), config.attentionHeads)).flat();
  return config.tokenHeads > 1
    ? [...base, ...pair("token_heads", (config.tokenHeads - 1) * config.attentionHeads)]
    : base;
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
  for (let layer = 0; layer < config.layers - 1; layer++)
    x = stemLayer(graph.scope(`stem/layers.${layer}`), context, past, x, layer, deltas);
  const stem: Stem = { output: x, normalised: normalise(graph.scope("stem"), context, x) };
  const last = config.layers - 1;
  const first = headLayers(graph.scope("head_1"), context, past, stem, String(last), [
    layerReader(read, `gpt_neox.layers.${last}`),
  ]);
  const heads = allHeads === undefined ? first : withExtraHeads(graph, context, past, stem, first, allHeads);
  logitOutputs(graph, context, heads.hidden, topK);
  graph.output(
    delta,
    graph.op("Concat", [...deltas, ...heads.deltas], { attributes: { axis: 1 } }),
    activationType(precision),
    ["B", "KV", "S", config.headSize],
  );
  return { graph: graph.finish(), opsets, metadata };
}

interface Stem {
  /** [B, S, hidden] */
  readonly output: Value;
  readonly normalised: Value;
}

interface Heads {
  /** [B, P, heads, hidden] */
  readonly hidden: Value;
  readonly deltas: readonly Value[];
}

type Past = ReadonlyMap<string, Value>;

const layerReader =
  (read: ReadTensor, prefix: string): ReadLayer =>
  (name) =>
    read(`${prefix}.${name}`);

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
  const lengths = graph.op("Cast", [inputs.lengths], { attributes: { to: 7 } });
  const wanted = graph.op("Cast", [inputs.positions], { attributes: { to: 7 } });
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

/** (x - mean) / sqrt(variance + ε): the norm's gain and shift are in the weights behind it. */
function normalise(graph: GraphBuilder, { config, precision }: Context, x: Value): Value {
  const ones = graph.initializer(`${x}/ones`, activationType(precision), [config.hiddenSize], () =>
    encodeFloats(new Float32Array(config.hiddenSize).fill(1), activationType(precision)),
  );
  return graph.op("LayerNormalization", [x, ones], {
    attributes: { axis: -1, epsilon: { float: config.layerNormEpsilon } },
  });
}

/** One decoder layer of the stem, at every position. */
function stemLayer(graph: GraphBuilder, context: Context, past: Past, x: Value, layer: number, deltas: Value[]): Value {
  const { config, precision } = context;
  const { hiddenSize, intermediateSize, attentionHeads } = config;
  const read = layerReader(context.read, `gpt_neox.layers.${layer}`);
  const name = `stem.layers.${layer}`;
  const projections: readonly Projection[] = ["query", "key", "value", "mlp"];
  const parts = projections.map((projection) => ({ read, projection }));
  const fused = linear(
    graph.scope("in"),
    normalise(graph, context, x),
    inputProduct(config, `${name}.in`, parts),
    precision,
  );
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
  deltas.push(key, value);
  const attended = attend(graph.scope("attention"), context, {
    query,
    key,
    value,
    pastKey: past.get(`past_key.${layer}`) as Value,
    pastValue: past.get(`past_value.${layer}`) as Value,
    bias: context.stemBias,
  });
  const joined = joinBranches(graph, attended, mlp, hiddenSize);
  return graph.op("Add", [
    x,
    linear(graph.scope("out"), joined, outputProduct(config, `${name}.out`, read), precision),
  ]);
}

/** [attention | gelu(mlp)], the input of a layer's output product. */
function joinBranches(graph: GraphBuilder, attended: Value, mlp: Value, attendedSize: number): Value {
  const merged = graph.op("Reshape", [
    graph.op("Transpose", [attended], { attributes: { perm: [0, 2, 1, 3] } }),
    graph.ints([0, 0, attendedSize]),
  ]);
  return graph.op("Concat", [merged, gelu(graph, mlp)], { attributes: { axis: -1 } });
}

/** Exact GELU; the contributed operator has a kernel on every provider. */
const gelu = (graph: GraphBuilder, x: Value): Value => graph.op("Gelu", [x], { domain: microsoft });

/**
 * The decoder layers of one or more token heads side by side on the stem's output: keys and values at all positions,
 * everything else only at the wanted ones.
 */
function headLayers(
  graph: GraphBuilder,
  context: Context,
  past: Past,
  stem: Stem,
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
  const gather = (value: Value): Value =>
    graph.op("GatherND", [value, context.wanted], { attributes: { batch_dims: 1 } });

  const kv = linear(
    graph.scope("kv"),
    stem.normalised,
    inputProduct(config, `${name}.kv`, [...each("key"), ...each("value")]),
    precision,
  );
  const [k, v] = graph.ops("Split", [kv], 2, { attributes: { axis: -1, num_outputs: 2 } }) as [Value, Value];
  const key = splitHeads(graph, rotate(graph, context.rotary, k, context.positionIds, heads), heads, headSize);
  const value = splitHeads(graph, v, heads, headSize);

  const wantedInput = gather(stem.normalised);
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
  const residual = gather(stem.output);
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

/** Heads 2..N run only when `all_heads` is true: with them off the model is its base model, at its base model's cost. */
function withExtraHeads(
  graph: GraphBuilder,
  context: Context,
  past: Past,
  stem: Stem,
  first: Heads,
  allHeads: Value,
): Heads {
  const { config, precision } = context;
  const type = activationType(precision);
  const readers = Array.from({ length: config.tokenHeads - 1 }, (_, i) =>
    layerReader(context.read, `dynamo.token_heads.${i + 2}`),
  );
  const then = graph.subgraph("token_heads", (inner) => {
    const extra = headLayers(inner, context, past, stem, "token_heads", readers);
    return [extra.hidden, ...extra.deltas].map((value) => ({ value, dtype: type }));
  });
  const otherwise = graph.subgraph("no_token_heads", (inner) => {
    const none = inner.op("Slice", [first.hidden, inner.ints([0]), inner.ints([0]), inner.ints([2])]);
    // The cache takes all heads' keys and values or none: zeros for those that were not computed.
    const size = (axis: number): Value =>
      inner.op("Shape", [first.deltas[0]], { attributes: { start: axis, end: axis + 1 } });
    const heads = inner.ints([readers.length * config.attentionHeads]);
    const shape = inner.op("Concat", [size(0), heads, size(2), size(3)], { attributes: { axis: 0 } });
    const zeros = inner.op("Expand", [
      inner.float(0, type, (value) => encodeFloats(Float32Array.of(value), type)),
      shape,
    ]);
    return [none, zeros, zeros].map((result) => ({ value: result, dtype: type }));
  });
  const [hidden, key, value] = graph.ops("If", [allHeads], 3, {
    attributes: { then_branch: then, else_branch: otherwise },
  }) as [Value, Value, Value];
  return {
    hidden: graph.op("Concat", [first.hidden, hidden], { attributes: { axis: 2 } }),
    deltas: [...first.deltas, key, value],
  };
}

/** Final norm and ONE output embedding for all heads, then the likeliest tokens. */
function logitOutputs(graph: GraphBuilder, { config, precision, read }: Context, hidden: Value, topK: Value): void {
  const scope = graph.scope("embed_out");
  const vector = (name: string): Value =>
    floatsInitializer(graph, name, [config.hiddenSize], precision, () => read(`gpt_neox.${name}`));
  const normalised = scope.op(
    "LayerNormalization",
    [hidden, vector("final_layer_norm.weight"), vector("final_layer_norm.bias")],
    { attributes: { axis: -1, epsilon: { float: config.layerNormEpsilon } } },
  );
  const product = linear(
    scope,
    normalised,
    {
      name: "embed_out",
      inputs: config.hiddenSize,
      outputs: config.vocabularySize,
      load: () => read("embed_out.weight"),
    },
    precision,
  );
  const logits = precision.dtype === "fp16" ? scope.op("Cast", [product], { attributes: { to: 1 } }) : product;
  const k = scope.op("Cast", [topK], { attributes: { to: 7 } });
  const [values, indices] = scope.ops("TopK", [logits, k], 2, { attributes: { axis: -1 } }) as [Value, Value];
  graph.output("top_ids", scope.op("Cast", [indices], { attributes: { to: 6 } }), "int32", ["B", "P", "n", "k"]);
  graph.output("top_logits", values, "float32", ["B", "P", "n", "k"]);
  graph.output("log_sum_exp", logSumExp(scope, logits, values, indices), "float32", ["B", "P", "n"]);
  graph.output("logits", logits, "float32", ["B", "P", "n", config.vocabularySize]);
}

/**
 * log Σ exp(logits) = the largest logit - log of its softmax: the softmax kernel is several times quicker than
 * ReduceLogSumExp. The largest probability is at least 1/V, so nothing is lost to rounding.
 */
function logSumExp(graph: GraphBuilder, logits: Value, topLogits: Value, topIndices: Value): Value {
  const first = (value: Value): Value => graph.op("Slice", [value, graph.ints([0]), graph.ints([1]), graph.ints([-1])]);
  const probabilities = graph.op("Softmax", [logits], { attributes: { axis: -1 } });
  const largest = graph.op("GatherElements", [probabilities, first(topIndices)], { attributes: { axis: -1 } });
  return graph.op("Squeeze", [graph.op("Sub", [first(topLogits), graph.op("Log", [largest])]), graph.ints([-1])]);
}
