/** A decoder layer's operations at every position: values are [B, S, width]. */
import type { GraphBuilder, Value } from "@dynamo/onnx";
import type { AttentionShape, Convolution, LayerOperations, Product } from "../architectures/architecture.js";
import { mergeHeads, splitHeads, type HeadOperands } from "./attention.js";
import { activate, normalise, normWithGain, type GraphContext } from "./context.js";
import { convolve } from "./convolution.js";
import { inputProduct, sumProduct, type ReadLayer } from "./product-weights.js";
import type { RotaryTables } from "./rotary.js";
import { linear } from "./weights.js";

/** Where a layer's positions are, and what they see. */
export interface Positions {
  rotate(graph: GraphBuilder, tables: RotaryTables, x: Value, heads: number): Value;
  attend(graph: GraphBuilder, operands: HeadOperands): Value;
  /** x [B, S, channels] behind the positions before that a convolution reads: [B, taps - 1 + S, channels]. */
  withBefore(graph: GraphBuilder, x: Value, convolution: Convolution): Value;
}

/** Queries and keys together, as one operator rotates them. */
interface Operands {
  /** [B, S, (heads + keyValueHeads) · headSize]; split: [B, heads + keyValueHeads, S, headSize] */
  readonly queryKey: Value;
  readonly isSplit: boolean;
  /** [B, S, keyValueHeads · headSize] */
  readonly value: Value;
}

export interface LayerPlace {
  /** Of the layer's weights in the graph. */
  readonly name: string;
  readonly read: ReadLayer;
  readonly shape: AttentionShape;
}

/** Sizes of the parts that a value is split into, or their count where they are alike. */
export function split(graph: GraphBuilder, x: Value, sizes: readonly number[], axis = -1): Value[] {
  if (sizes.length === 1) return [x];
  const alike = sizes.every((size) => size === sizes[0]);
  return alike
    ? graph.ops("Split", [x], sizes.length, { attributes: { axis, num_outputs: sizes.length } })
    : graph.ops("Split", [x, graph.ints(sizes)], sizes.length, { attributes: { axis } });
}

export function everywhere(
  graph: GraphBuilder,
  context: GraphContext,
  { name, read, shape }: LayerPlace,
  positions: Positions,
): LayerOperations<Value, Operands> {
  const { heads, keyValueHeads, headSize } = shape;
  const { precision } = context;
  const queryKeySize = (heads + keyValueHeads) * headSize;
  /** One product of one input, cut into widths. */
  const product = (x: Value, parts: readonly Product[], widths: readonly number[]): Value[] => {
    const scope = graph.scope("in");
    const input = normalise(graph, context, x, parts[0]?.norm);
    const weights = inputProduct(
      productName(name, parts),
      parts.map((part) => ({ read, product: part })),
    );
    return split(graph, linear(scope, input, weights, precision), widths);
  };
  const splitOperands = ({ queryKey, isSplit }: Operands): Value =>
    isSplit ? queryKey : splitHeads(graph, queryKey, heads + keyValueHeads, headSize);
  return {
    project(x, { query, key, value }, others) {
      const widths = [queryKeySize, keyValueHeads * headSize, ...others.map(({ outputs }) => outputs)];
      const [queryKey, values, ...rest] = product(x, [query, key, value, ...others], widths) as [Value, Value];
      return { attention: { queryKey, isSplit: false, value: values }, others: rest };
    },
    normHeads(attention, norms) {
      const [query, key] = split(graph, attention.queryKey, [heads * headSize, keyValueHeads * headSize]) as [
        Value,
        Value,
      ];
      const normed = [
        normGroups(graph, context, query, norms.query, { name: `${name}.${norms.query.tensor}`, read }),
        normGroups(graph, context, key, norms.key, { name: `${name}.${norms.key.tensor}`, read }),
      ];
      return { ...attention, queryKey: graph.op("Concat", normed, { attributes: { axis: -1 } }) };
    },
    rotate(attention, rotary) {
      const rotated = positions.rotate(graph, context.tables(rotary), attention.queryKey, heads + keyValueHeads);
      return { ...attention, queryKey: splitOperands({ ...attention, queryKey: rotated }), isSplit: true };
    },
    attend(attention) {
      const [query, key] = split(graph, splitOperands(attention), [heads, keyValueHeads], 1) as [Value, Value];
      const value = splitHeads(graph, attention.value, keyValueHeads, headSize);
      return mergeHeads(graph, positions.attend(graph.scope("attention"), { query, key, value }), heads * headSize);
    },
    products: (x, parts) =>
      product(
        x,
        parts,
        parts.map(({ outputs }) => outputs),
      ),
    convolve(x, convolution) {
      const scope = graph.scope("convolution");
      const place = { name: `${name}.${convolution.tensor}`, read, precision };
      return convolve(scope, positions.withBefore(scope, x, convolution), convolution, place);
    },
    activate: (x, activation) => activate(graph, x, activation),
    multiply: (a, b) => graph.op("Mul", [a, b]),
    addProducts(x, terms) {
      const inputs = terms.map(([value]) => value);
      const joined =
        inputs.length === 1 ? (inputs[0] as Value) : graph.op("Concat", inputs, { attributes: { axis: -1 } });
      const weights = sumProduct(
        productName(
          name,
          terms.map(([, part]) => part),
        ),
        terms.map(([, part]) => ({ read, product: part })),
      );
      return graph.op("Add", [x, linear(graph.scope("out"), joined, weights, precision)]);
    },
    add: (a, b) => graph.op("Add", [a, b]),
    norm: (x, norm) => normWithGain(graph, context, x, norm, { name: `${name}.${norm.tensor}`, read }),
  };
}

/** Products that are one have the name of their first. */
export const productName = (name: string, parts: readonly Product[]): string => `${name}.${parts[0]?.tensor}`;

/** A norm over groups of x's last axis, such as attention heads. */
export function normGroups(
  graph: GraphBuilder,
  context: GraphContext,
  x: Value,
  norm: Parameters<typeof normWithGain>[3],
  place: Parameters<typeof normWithGain>[4],
): Value {
  const groups = graph.op("Reshape", [x, graph.ints([0, 0, -1, norm.size])]);
  const normed = normWithGain(graph, context, groups, norm, place);
  return graph.op("Reshape", [normed, graph.ints([0, 0, -1])]);
}
