/** What all layers of one inference graph share. */
import type { GraphBuilder, Value } from "@dynamo/onnx";
import type { Activation, Architecture, Norm } from "../architectures/architecture.js";
import { microsoft } from "@dynamo/onnx";
import { readGain, readShift, type ReadLayer, type ReadTensor } from "./product-weights.js";
import type { TablesOf } from "./rotary.js";
import { activationType, encodeFloats, floatsInitializer, type Precision } from "./weights.js";

export interface GraphContext {
  readonly architecture: Architecture;
  readonly precision: Precision;
  readonly read: ReadTensor;
  readonly tables: TablesOf;
  /** Values without their means and variances, by the value and the kind of norm. */
  readonly normalised: Map<string, Value>;
}

/** A context for a subgraph: what is computed inside is not seen outside. */
export const innerContext = <C extends GraphContext>(context: C): C => ({
  ...context,
  normalised: new Map(context.normalised),
});

/** A value as the products behind a norm read it: the gain and the shift are in their weights. */
export function normalise(graph: GraphBuilder, context: GraphContext, x: Value, norm: Norm | undefined): Value {
  if (norm === undefined) return x;
  const { kind, epsilon, size } = norm;
  const key = `${x}/${kind}/${epsilon}`;
  const before = context.normalised.get(key);
  if (before !== undefined) return before;
  const type = activationType(context.precision);
  const ones = graph.initializer(`${x}/ones`, type, [size], () => encodeFloats(new Float32Array(size).fill(1), type), {
    shared: true,
  });
  const result = statistics(graph, [x, ones], norm);
  context.normalised.set(key, result);
  return result;
}

/** A norm with its own gain and shift. `name` is its tensor's in the graph. */
export function normWithGain(
  graph: GraphBuilder,
  { precision }: Pick<GraphContext, "precision">,
  x: Value,
  norm: Norm,
  { name, read }: { readonly name: string; readonly read: ReadLayer },
): Value {
  const vector = (part: string, load: () => Promise<Float32Array>): Value =>
    floatsInitializer(graph, `${name}.${part}`, [norm.size], precision, load);
  const gain = vector("weight", () => readGain(read, norm));
  return statistics(
    graph,
    [x, gain, ...(norm.bias === true ? [vector("bias", () => readShift(read, norm))] : [])],
    norm,
  );
}

const statistics = (graph: GraphBuilder, inputs: readonly Value[], { kind, epsilon }: Norm): Value =>
  graph.op(kind === "layer" ? "LayerNormalization" : "SimplifiedLayerNormalization", inputs, {
    attributes: { axis: -1, epsilon: { float: epsilon } },
  });

export function activate(graph: GraphBuilder, x: Value, activation: Activation): Value {
  switch (activation) {
    // The contributed operator has a kernel on every provider.
    case "gelu":
      return graph.op("Gelu", [x], { domain: microsoft });
    case "gelu-tanh":
      return graph.op("FastGelu", [x], { domain: microsoft });
    case "silu":
      return graph.op("Mul", [x, graph.op("Sigmoid", [x])]);
  }
}
