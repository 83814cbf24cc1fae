/**
 * The decoder layers of one or more token heads side by side on the same input: keys and values at every position, everything
 * else only at the wanted ones. Heads share products and attention as long as they read the same value.
 */
import { DynamoError } from "@dynamo/core";
import type { GraphBuilder, Value } from "@dynamo/onnx";
import type { AttentionShape, LayerOperations, Norm, Product } from "../architectures/architecture.js";
import { mergeHeads, splitHeads, type HeadOperands } from "./attention.js";
import { activate, normalise, normWithGain, type GraphContext } from "./context.js";
import { normGroups, productName, split } from "./everywhere.js";
import { inputProduct, sumProduct, type ReadLayer, type ReadProduct } from "./product-weights.js";
import type { RotaryTables } from "./rotary.js";
import { linear } from "./weights.js";

/** A value of N heads. */
export type Beside =
  /** [B, S, width], the same for all heads */
  | { readonly kind: "input"; readonly value: Value }
  /** [B, P, N · width] */
  | { readonly kind: "joined"; readonly value: Value }
  /** N times [B, P, width] */
  | { readonly kind: "apart"; readonly values: readonly Value[] };

/** [B, P or S, N · heads · headSize] each; split: [B, N · heads, P or S, headSize] */
interface Operands extends HeadOperands {
  readonly isSplit: boolean;
}

export interface SideBySidePlace {
  /** Of the layers' weights in the graph. */
  readonly name: string;
  readonly readers: readonly ReadLayer[];
  /** Of one head. */
  readonly shape: AttentionShape;
}

/** Where the heads' positions are, and what they see. */
export interface WantedPositions {
  rotateQueries(graph: GraphBuilder, tables: RotaryTables, x: Value): Value;
  rotateKeys(graph: GraphBuilder, tables: RotaryTables, x: Value): Value;
  /** Operands of all heads. */
  attend(graph: GraphBuilder, operands: HeadOperands): Value;
  /** x [B, S, …] at the wanted positions: [B, P, …] */
  gather(graph: GraphBuilder, x: Value): Value;
}

export function sideBySide(
  graph: GraphBuilder,
  context: GraphContext,
  { name, readers, shape }: SideBySidePlace,
  positions: WantedPositions,
): LayerOperations<Beside, Operands> {
  const { precision } = context;
  const count = readers.length;
  const [heads, keyValueHeads] = [count * shape.heads, count * shape.keyValueHeads];
  const { headSize } = shape;
  const each = (product: Product): ReadProduct[] => readers.map((read) => ({ read, product }));
  const gathered = new Map<Value, Value>();
  const wanted = (x: Value): Value => {
    const value = gathered.get(x) ?? positions.gather(graph, x);
    gathered.set(x, value);
    return value;
  };
  const apart = (x: Beside): readonly Value[] => {
    if (x.kind === "apart") return x.values;
    if (x.kind === "input") return new Array<Value>(count).fill(wanted(x.value));
    return count === 1
      ? [x.value]
      : graph.ops("Split", [x.value], count, { attributes: { axis: -1, num_outputs: count } });
  };
  const eachApart = (x: Beside, of: (value: Value, head: number) => Value): Beside => ({
    kind: "apart",
    values: apart(x).map(of),
  });
  /** One product of all heads for each of `products`, side by side. */
  const together = (scope: string, input: Value, products: readonly Product[]): Value[] => {
    const weights = inputProduct(productName(`${name}.${scope}`, products), products.flatMap(each));
    const widths = products.map(({ outputs }) => count * outputs);
    return split(graph, linear(graph.scope(scope), input, weights, precision), widths);
  };
  const products = (x: Beside, asked: readonly Product[]): Beside[] => {
    const norm = asked[0]?.norm;
    if (x.kind === "input") {
      const input = wanted(normalise(graph, context, x.value, norm));
      return together("in", input, asked).map((value) => ({ kind: "joined", value }));
    }
    const made = apart(x).map((value, head) => {
      const read = readers[head] as ReadLayer;
      const parts = asked.map((product) => ({ read, product }));
      const weights = inputProduct(productName(`${name}.${head}`, asked), parts);
      const input = normalise(graph, context, value, norm);
      const y = linear(graph.scope(`in.${head}`), input, weights, precision);
      return split(
        graph,
        y,
        asked.map(({ outputs }) => outputs),
      );
    });
    return asked.map((_, i) => ({ kind: "apart", values: made.map((values) => values[i] as Value) }));
  };
  const place = (norm: Norm, head: number): { name: string; read: ReadLayer } => ({
    name: `${name}.${head}.${norm.tensor}`,
    read: readers[head] as ReadLayer,
  });
  const pairwise = (a: Beside, b: Beside, op: "Mul" | "Add"): Beside => {
    if (a.kind === "joined" && b.kind === "joined") return { kind: "joined", value: graph.op(op, [a.value, b.value]) };
    const others = apart(b);
    return eachApart(a, (value, head) => graph.op(op, [value, others[head] as Value]));
  };
  return {
    project(x, { query, key, value }, others) {
      if (x.kind !== "input")
        throw new DynamoError("unsupported", "token heads attend to their layer's input, not to a value made of it");
      const everywhere = normalise(graph, context, x.value, key.norm);
      const [k, v] = together("kv", everywhere, [key, value]) as [Value, Value];
      const [q, ...rest] = together("q", wanted(everywhere), [query, ...others]) as [Value];
      return {
        attention: { query: q, key: k, value: v, isSplit: false },
        others: rest.map((joined) => ({ kind: "joined", value: joined })),
      };
    },
    normHeads(attention, norms) {
      const normed = (x: Value, norm: Norm): Value => {
        const parts = apart({ kind: "joined", value: x });
        const own = parts.map((part, head) => normGroups(graph, context, part, norm, place(norm, head)));
        return own.length === 1 ? (own[0] as Value) : graph.op("Concat", own, { attributes: { axis: -1 } });
      };
      return { ...attention, query: normed(attention.query, norms.query), key: normed(attention.key, norms.key) };
    },
    rotate({ query, key, value }, rotary) {
      const tables = context.tables(rotary);
      return {
        key: splitHeads(graph, positions.rotateKeys(graph, tables, key), keyValueHeads, headSize),
        value: splitHeads(graph, value, keyValueHeads, headSize),
        query: splitHeads(graph, positions.rotateQueries(graph, tables, query), heads, headSize),
        isSplit: true,
      };
    },
    attend({ query, key, value, isSplit }) {
      const operands = isSplit
        ? { query, key, value }
        : {
            query: splitHeads(graph, query, heads, headSize),
            key: splitHeads(graph, key, keyValueHeads, headSize),
            value: splitHeads(graph, value, keyValueHeads, headSize),
          };
      const attended = positions.attend(graph.scope("attention"), operands);
      return { kind: "joined", value: mergeHeads(graph, attended, heads * headSize) };
    },
    products,
    activate: (x, activation) =>
      x.kind === "joined"
        ? { kind: "joined", value: activate(graph, x.value, activation) }
        : eachApart(x, (value) => activate(graph, value, activation)),
    multiply: (a, b) => pairwise(a, b, "Mul"),
    add: (a, b) => pairwise(a, b, "Add"),
    addProducts(x, terms) {
      const inputs = terms.map(([value]) => apart(value));
      const asked = terms.map(([, product]) => product);
      return eachApart(x, (residual, head) => {
        const own = inputs.map((values) => values[head] as Value);
        const joined = own.length === 1 ? (own[0] as Value) : graph.op("Concat", own, { attributes: { axis: -1 } });
        const read = readers[head] as ReadLayer;
        const weights = sumProduct(
          productName(`${name}.${head}`, asked),
          asked.map((product) => ({ read, product })),
        );
        return graph.op("Add", [residual, linear(graph.scope(`out.${head}`), joined, weights, precision)]);
      });
    },
    norm: (x, norm) => eachApart(x, (value, head) => normWithGain(graph, context, value, norm, place(norm, head))),
  };
}

/** The heads' values, [B, P, N, width]. */
export function stackHeads(graph: GraphBuilder, x: Beside): Value {
  if (x.kind !== "apart") throw new DynamoError("unsupported", "a layer of token heads ends with a sum of products");
  const stacked = x.values.map((value) => graph.op("Unsqueeze", [value, graph.ints([2])]));
  return stacked.length === 1 ? (stacked[0] as Value) : graph.op("Concat", stacked, { attributes: { axis: 2 } });
}
