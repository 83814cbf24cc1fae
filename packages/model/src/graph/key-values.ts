/** A layer's keys and values alone, at every position: of a layer whose output there nobody reads. */
import type { GraphBuilder, Value } from "@dynamo/onnx";
import type { LayerOperations, Product } from "../architectures/architecture.js";
import { splitHeads } from "./attention.js";
import { normalise, normWithGain, type GraphContext } from "./context.js";
import { normGroups, productName, split, type LayerPlace } from "./everywhere.js";
import { inputProduct } from "./product-weights.js";
import type { RotaryTables } from "./rotary.js";
import { linear } from "./weights.js";

/** [B, S, keyValueHeads · headSize] each. */
interface Operands {
  readonly key: Value;
  readonly value: Value;
}

export interface KeyValuePlaces {
  rotate(graph: GraphBuilder, tables: RotaryTables, key: Value): Value;
  /** Takes them as [B, keyValueHeads, S, headSize]. */
  take(key: Value, value: Value): void;
}

/** The weights have the names that `sideBySide` gives those of one head. What follows attention is undefined. */
export function keyValues(
  graph: GraphBuilder,
  context: GraphContext,
  { name, read, shape }: LayerPlace,
  places: KeyValuePlaces,
): LayerOperations<Value | undefined, Operands> {
  const { keyValueHeads, headSize } = shape;
  const none = (): undefined => undefined;
  return {
    project(x, { key, value }, others) {
      const asked: readonly Product[] = [key, value];
      const input = normalise(graph, context, x as Value, key.norm);
      const parts = asked.map((product) => ({ read, product }));
      const weights = inputProduct(productName(`${name}.kv`, asked), parts);
      const widths = asked.map(({ outputs }) => outputs);
      const [k, v] = split(graph, linear(graph.scope("kv"), input, weights, context.precision), widths) as [
        Value,
        Value,
      ];
      return { attention: { key: k, value: v }, others: others.map(none) };
    },
    normHeads: (attention, { key }) => ({
      ...attention,
      key: normGroups(graph, context, attention.key, key, { name: `${name}.0.${key.tensor}`, read }),
    }),
    rotate: (attention, rotary) => ({
      ...attention,
      key: places.rotate(graph, context.tables(rotary), attention.key),
    }),
    attend({ key, value }) {
      places.take(splitHeads(graph, key, keyValueHeads, headSize), splitHeads(graph, value, keyValueHeads, headSize));
      return undefined;
    },
    norm: (x, norm) =>
      x === undefined ? x : normWithGain(graph, context, x, norm, { name: `${name}.0.${norm.tensor}`, read }),
    products: (_, asked) => asked.map(none),
    convolve: none,
    activate: none,
    multiply: none,
    add: none,
    addProducts: none,
  };
}
