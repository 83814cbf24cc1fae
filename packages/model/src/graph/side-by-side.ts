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

/** What the operations have in common. */
interface Tools {
  readonly graph: GraphBuilder;
  readonly context: GraphContext;
  readonly place: SideBySidePlace;
  readonly positions: WantedPositions;
  /** A value at the wanted positions, gathered once. */
  readonly wanted: (x: Value) => Value;
  /** Each head's own value at the wanted positions. */
  readonly apart: (x: Beside) => readonly Value[];
  readonly eachApart: (x: Beside, of: (value: Value, head: number) => Value) => Beside;
  /** One product of all heads for each of `products`, side by side. */
  readonly together: (scope: string, input: Value, products: readonly Product[]) => Value[];
  /** Where a head's norm has its tensors. */
  readonly ofNorm: (norm: Norm, head: number) => { readonly name: string; readonly read: ReadLayer };
}

export function sideBySide(
  graph: GraphBuilder,
  context: GraphContext,
  place: SideBySidePlace,
  positions: WantedPositions,
): LayerOperations<Beside, Operands> {
  const tools = toolsOf(graph, context, place, positions);
  return { ...attentionOperations(tools), ...valueOperations(tools) };
}

function toolsOf(
  graph: GraphBuilder,
  context: GraphContext,
  place: SideBySidePlace,
  positions: WantedPositions,
): Tools {
  const { name, readers } = place;
  const count = readers.length;
  const gathered = new Map<Value, Value>();
  const wanted = (x: Value): Value => {
    const value = gathered.get(x) ?? positions.gather(graph, x);
    gathered.set(x, value);
    return value;
  };
  const apart = (x: Beside): readonly Value[] => {
    if (x.kind === "apart") return x.values;
    if (x.kind === "input") return new Array<Value>(count).fill(wanted(x.value));
    if (count === 1) return [x.value];
    return graph.ops("Split", [x.value], count, { attributes: { axis: -1, num_outputs: count } });
  };
  return {
    ...{ graph, context, place, positions, wanted, apart },
    eachApart: (x, of) => ({ kind: "apart", values: apart(x).map(of) }),
    together(scope, input, products) {
      const parts = products.flatMap((product): ReadProduct[] => readers.map((read) => ({ read, product })));
      const weights = inputProduct(productName(`${name}.${scope}`, products), parts);
      const widths = products.map(({ outputs }) => count * outputs);
      return split(graph, linear(graph.scope(scope), input, weights, context.precision), widths);
    },
    ofNorm: (norm, head) => ({ name: `${name}.${head}.${norm.tensor}`, read: readers[head] as ReadLayer }),
  };
}

type AttentionOperations = Pick<LayerOperations<Beside, Operands>, "project" | "normHeads" | "rotate" | "attend">;

function attentionOperations(tools: Tools): AttentionOperations {
  const { graph, context, place, positions } = tools;
  const { headSize } = place.shape;
  const [heads, keyValueHeads] = [place.shape.heads, place.shape.keyValueHeads].map(
    (each) => each * place.readers.length,
  ) as [number, number];
  const splitAll = ({ query, key, value }: HeadOperands): HeadOperands => ({
    key: splitHeads(graph, key, keyValueHeads, headSize),
    value: splitHeads(graph, value, keyValueHeads, headSize),
    query: splitHeads(graph, query, heads, headSize),
  });
  return {
    project(x, { query, key, value }, others) {
      if (x.kind !== "input")
        throw new DynamoError("unsupported", "token heads attend to their layer's input, not to a value made of it");
      const everywhere = normalise(graph, context, x.value, key.norm);
      const [k, v] = tools.together("kv", everywhere, [key, value]) as [Value, Value];
      const [q, ...rest] = tools.together("q", tools.wanted(everywhere), [query, ...others]) as [Value];
      return {
        attention: { query: q, key: k, value: v, isSplit: false },
        others: rest.map((joined) => ({ kind: "joined", value: joined })),
      };
    },
    normHeads(attention, norms) {
      const normed = (x: Value, norm: Norm): Value => {
        const parts = tools.apart({ kind: "joined", value: x });
        const own = parts.map((part, head) => normGroups(graph, context, part, norm, tools.ofNorm(norm, head)));
        return own.length === 1 ? (own[0] as Value) : graph.op("Concat", own, { attributes: { axis: -1 } });
      };
      return { ...attention, query: normed(attention.query, norms.query), key: normed(attention.key, norms.key) };
    },
    rotate({ query, key, value }, rotary) {
      const tables = context.tables(rotary);
      const turned = {
        key: positions.rotateKeys(graph, tables, key),
        value,
        query: positions.rotateQueries(graph, tables, query),
      };
      return { ...splitAll(turned), isSplit: true };
    },
    attend({ isSplit, ...operands }) {
      const attended = positions.attend(graph.scope("attention"), isSplit ? operands : splitAll(operands));
      return { kind: "joined", value: mergeHeads(graph, attended, heads * headSize) };
    },
  };
}

function valueOperations(tools: Tools): Omit<LayerOperations<Beside, Operands>, keyof AttentionOperations> {
  const { graph, context, place, apart, eachApart } = tools;
  const { name, readers } = place;
  const { precision } = context;
  const partsOf = (products: readonly Product[], head: number): ReadProduct[] =>
    products.map((product) => ({ read: readers[head] as ReadLayer, product }));
  const pairwise = (a: Beside, b: Beside, op: "Mul" | "Add"): Beside => {
    if (a.kind === "joined" && b.kind === "joined") return { kind: "joined", value: graph.op(op, [a.value, b.value]) };
    const others = apart(b);
    return eachApart(a, (value, head) => graph.op(op, [value, others[head]]));
  };
  return {
    products(x, asked) {
      const norm = asked[0]?.norm;
      if (x.kind === "input") {
        const input = tools.wanted(normalise(graph, context, x.value, norm));
        return tools.together("in", input, asked).map((value) => ({ kind: "joined", value }));
      }
      const widths = asked.map(({ outputs }) => outputs);
      const made = apart(x).map((value, head) => {
        const weights = inputProduct(productName(`${name}.${head}`, asked), partsOf(asked, head));
        const input = normalise(graph, context, value, norm);
        return split(graph, linear(graph.scope(`in.${head}`), input, weights, precision), widths);
      });
      return asked.map((_, i) => ({ kind: "apart", values: made.map((values) => values[i] as Value) }));
    },
    convolve() {
      throw new DynamoError("unsupported", "token heads that convolve are computed at every position");
    },
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
        const weights = sumProduct(productName(`${name}.${head}`, asked), partsOf(asked, head));
        return graph.op("Add", [residual, linear(graph.scope(`out.${head}`), joined, weights, precision)]);
      });
    },
    norm: (x, norm) =>
      eachApart(x, (value, head) => normWithGain(graph, context, value, norm, tools.ofNorm(norm, head))),
  };
}

/** The heads' values, [B, P, N, width]. */
export function stackHeads(graph: GraphBuilder, x: Beside): Value {
  if (x.kind !== "apart") throw new DynamoError("unsupported", "a layer of token heads ends with a sum of products");
  const stacked = x.values.map((value) => graph.op("Unsqueeze", [value, graph.ints([2])]));
  return stacked.length === 1 ? (stacked[0] as Value) : graph.op("Concat", stacked, { attributes: { axis: 2 } });
}
