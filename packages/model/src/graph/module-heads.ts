/**
 * Heads 2..N from one module of multi-token prediction: a layer over pairs of a state and the token behind it. Pair p is (state of
 * position p - 1, token at p); its keys and values lie in the cache at p, so that they are cut and copied with the base's. The
 * state of the last position lies there too, for the pair that the next pass's first token makes. There is no pair 0.
 *
 * Head n looks at the state of a wanted position and at the n - 1 tokens behind it, which `between` gives, or else the likeliest of
 * the heads before: its pairs are its own, and stay out of the cache.
 */
import type { GraphBuilder, Value } from "@dynamo/onnx";
import type { AttentionShape } from "../architectures/architecture.js";
import { moduleNorms, moduleProjection } from "../architectures/heads/mtp.js";
import { headKindOf, type ModelConfig } from "../architectures/config.js";
import { headLayer, headPrefix, headLayerPrefix } from "../architectures/tensor-names.js";
import { attendToOwn, masked, type OwnPosition } from "./attention.js";
import { headTensors, hiddenCache, hiddenName } from "./cache-tensors.js";
import { innerContext, normWithGain } from "./context.js";
import { tokenRows } from "./embed.js";
import { keyValues } from "./key-values.js";
import { finalNorm, outputProducts } from "./logits.js";
import { pack, unpack, type PackedSize } from "./packed-values.js";
import { layerReader } from "./product-weights.js";
import { rotate } from "./rotary.js";
import { sharingWeights } from "./sharing-weights.js";
import { sideBySide, stackHeads, type WantedPositions } from "./side-by-side.js";
import { zeroDeltas, type Heads, type ModelContext } from "./token-heads.js";
import { activationType, encodeFloats, linear } from "./weights.js";

const cache = "module";
const name = "heads.module";

export interface FirstHead extends Heads {
  /** [B, S, hidden]: of the last layer, at every position */
  readonly output?: Value;
  /** [B, P, 1, hidden]: behind the final norm */
  readonly normed: Value;
  /** [B, P, 1, V] */
  readonly product: Value;
}

export interface ModuleInputs {
  /** int32 [B, S] */
  readonly tokens: Value;
  /** int32 [B, P, N - 1] */
  readonly between: Value;
  readonly allHeads: Value;
}

/** Products of all heads, [B, P, n, V]; the module runs when `all_heads` is true. */
export function withModuleHeads(
  graph: GraphBuilder,
  context: ModelContext,
  first: FirstHead,
  { tokens, between, allHeads }: ModuleInputs,
): { readonly product: Value; readonly deltas: readonly Value[] } {
  const { config, precision } = context;
  const dtype = activationType(precision);
  const typed = (values: readonly Value[]): { value: Value; dtype: typeof dtype }[] =>
    values.map((value) => ({ value, dtype }));
  const then = graph.subgraph("token_heads", (plain) => {
    const inner = sharingWeights(plain);
    const own = innerContext(context);
    const states = finalNorm(inner, own, first.output as Value);
    const pairs = readPairs(inner.scope("pairs"), own, states, tokens);
    const drafts = draftProducts(inner, own, first, { pairs, between });
    return typed([drafts, pairs.key, pairs.value, pack(inner, states, stateSize(config))]);
  });
  const otherwise = graph.subgraph("no_token_heads", (inner) => {
    const none = inner.op("Slice", [first.product, inner.ints([0]), inner.ints([0]), inner.ints([2])]);
    return typed([none, ...zeroDeltas(inner, context, first, [...headTensors(config), hiddenCache(config)])]);
  });
  const [others, ...deltas] = graph.ops("If", [allHeads], 4, {
    attributes: { then_branch: then, else_branch: otherwise },
  }) as [Value, ...Value[]];
  return {
    product: graph.op("Concat", [first.product, others], { attributes: { axis: 2 } }),
    deltas: [...first.deltas, ...deltas],
  };
}

/** Of a state in the cache. */
const stateSize = ({ hiddenSize, headSize }: ModelConfig): PackedSize => ({ width: hiddenSize, headSize });

/** The state of each row's last position in the cache, [B, 1, hidden]; zeros where the row is empty. */
function lastState(graph: GraphBuilder, { config, inputs, precision }: ModelContext): Value {
  const before = graph.op("Sub", [inputs.lengths, graph.ints([1])]);
  const isLast = graph.cast(graph.op("Equal", [inputs.pastRange(undefined), before]), activationType(precision));
  const row = graph.op("Unsqueeze", [isLast, graph.ints([1, 2])]);
  return unpack(graph, graph.op("MatMul", [row, hiddenName]), stateSize(config));
}

/** What the module's layer reads of tokens int [B, n] and states [B, n, hidden]: [B, n, hidden]. */
function pair(graph: GraphBuilder, context: ModelContext, tokens: Value, states: Value): Value {
  const { architecture, precision, config, read } = context;
  const { hiddenSize } = config;
  const norms = moduleNorms(architecture);
  const reader = layerReader(read, headPrefix(2));
  const normed = (x: Value, norm: typeof norms.hidden): Value =>
    normWithGain(graph, context, x, norm, { name: `${name}.${norm.tensor}`, read: reader });
  const parts = [normed(tokenRows(graph, context, tokens), norms.embedding), normed(states, norms.hidden)];
  const weights = {
    name: `${name}.projection`,
    inputs: 2 * hiddenSize,
    outputs: hiddenSize,
    load: () => reader(moduleProjection),
  };
  const both = graph.op("Concat", parts, { attributes: { axis: -1 } });
  return linear(graph.scope("projection"), both, weights, precision);
}

/** Keys and values of the new positions' pairs, and which of all pairs a wanted position sees. */
interface Pairs extends OwnPosition {
  /** [B, 1, group · P, C + S] */
  readonly bias: Value;
}

function readPairs(graph: GraphBuilder, context: ModelContext, states: Value, tokens: Value): Pairs {
  const { config, inputs, read } = context;
  const layer = headLayer(config);
  const { keyValueHeads: heads, headSize } = layer.attention;
  const earlier = graph.op("Slice", [states, graph.ints([0]), graph.ints([-1]), graph.ints([1])]);
  const before = graph.op("Concat", [lastState(graph, context), earlier], { attributes: { axis: 1 } });
  let taken: OwnPosition | undefined;
  const place = { name, read: layerReader(read, headLayerPrefix(config, 2, 0)), shape: layer.attention };
  const operations = keyValues(graph, context, place, {
    rotate: (inner, tables, key) => rotate(inner, tables, key, inputs.positionIds, { heads, headSize }),
    take: (key, value) => (taken = { key, value }),
  });
  layer.forward(operations, pair(graph, context, tokens, before));
  return { ...(taken as unknown as OwnPosition), bias: pairBias(graph, context, layer.attention) };
}

/** What a wanted position sees of the base's positions, without pair 0. */
function pairBias(graph: GraphBuilder, { inputs, precision }: ModelContext, shape: AttentionShape): Value {
  const { lengths, pastRange, newRange } = inputs;
  const type = activationType(precision);
  const past = graph.op("Add", [pastRange(undefined), graph.op("Mul", [lengths, graph.ints([0])])]);
  const places = graph.op("Concat", [past, graph.op("Add", [newRange, lengths])], { attributes: { axis: 1 } });
  const isNone = graph.op("Unsqueeze", [graph.op("Equal", [places, graph.ints([0])]), graph.ints([1, 2])]);
  const low = graph.float(masked, type, (value) => encodeFloats(Float32Array.of(value), type));
  return graph.op("Where", [isNone, low, inputs.headBias(shape)]);
}

/** Products of heads 2..N, [B, P, N - 1, V]. */
function draftProducts(
  graph: GraphBuilder,
  context: ModelContext,
  first: FirstHead,
  { pairs, between }: { readonly pairs: Pairs; readonly between: Value },
): Value {
  const { config, architecture, read } = context;
  const layer = headLayer(config);
  const { output } = moduleNorms(architecture);
  const place = { name, readers: [layerReader(read, headLayerPrefix(config, 2, 0))], shape: layer.attention };
  const own: OwnPosition[] = [];
  const products: Value[] = [];
  const squeeze = (x: Value): Value => graph.op("Squeeze", [x, graph.ints([2])]);
  let [state, product] = [squeeze(first.normed), first.product];
  for (let step = 1; step < config.tokenHeads; step++) {
    const scope = graph.scope(`draft_${step}`);
    const tokens = tokenBetween(scope, product, between, step);
    const operations = sideBySide(scope, context, place, draftPositions(context, pairs, own, step));
    const value = pair(scope, context, tokens, state);
    const made = stackHeads(scope, layer.forward(operations, { kind: "input", value }));
    const normed = normWithGain(scope, context, made, output, {
      name: `${name}.${output.tensor}`,
      read: layerReader(read, headPrefix(2)),
    });
    product = outputProducts(scope, context, normed, undefined);
    products.push(product);
    state = squeeze(headKindOf(config).feedback === "layer" ? made : normed);
  }
  return products.length === 1 ? product : graph.op("Concat", products, { attributes: { axis: 2 } });
}

/** int64 [B, P]: the token that is given for a step, or the likeliest by the products [B, P, 1, V] of the head before. */
function tokenBetween(graph: GraphBuilder, product: Value, between: Value, step: number): Value {
  const given = graph.op("Slice", [between, graph.ints([step - 1]), graph.ints([step]), graph.ints([2])]);
  const asked = graph.cast(graph.op("Squeeze", [given, graph.ints([2])]), "int64");
  const likeliest = graph.op("ArgMax", [graph.cast(product, "float32")], { attributes: { axis: -1, keepdims: 0 } });
  const best = graph.op("Squeeze", [likeliest, graph.ints([2])]);
  return graph.op("Where", [graph.op("Less", [asked, graph.ints([0], { scalar: true })]), best, asked]);
}

function draftPositions(context: ModelContext, pairs: Pairs, own: OwnPosition[], step: number): WantedPositions {
  const { config, inputs } = context;
  const { heads, keyValueHeads, headSize, softCap } = headLayer(config).attention;
  const turn = (graph: GraphBuilder, tables: Parameters<typeof rotate>[1], x: Value, count: number): Value => {
    const behind = graph.op("Add", [inputs.wantedPositionIds, graph.ints([step], { scalar: true })]);
    const ids = graph.op("Min", [behind, graph.ints([config.contextLength - 1], { scalar: true })]);
    return rotate(graph, tables, x, ids, { heads: count, headSize });
  };
  return {
    gather: (_, x) => x,
    rotateQueries: (graph, tables, x) => turn(graph, tables, x, heads),
    rotateKeys: (graph, tables, x) => turn(graph, tables, x, keyValueHeads),
    attend(graph, { query, key, value }) {
      own.push({ key, value });
      const sizes = { heads, keyValueHeads, headSize, softCap, query, own };
      return attendToOwn(graph, inputs.counts(undefined), { ...sizes, ...pairs, ...inputs.past(cache) });
    },
  };
}
