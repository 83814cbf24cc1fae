/** What conditional parts know before any token between is chosen: W·s_n + V·s_1 + b of each head (architectures/conditional.ts). */
import type { GraphBuilder, Value } from "@dynamo/onnx";
import { conditionalPrefix } from "../architectures/conditional.js";
import { extraHeads } from "./cache-tensors.js";
import { conditionalStates } from "./conditional-output.js";
import { innerContext } from "./context.js";
import type { ModelContext } from "./token-heads.js";
import { activationType, linear, type LinearWeights } from "./weights.js";

/**
 * The graph's output [B, P, N - 1, 2·between] in float32, from the heads' states behind the final norm, [B, P, n, hidden]; of no heads
 * when `all_heads` is false.
 */
export function conditionalOutput(graph: GraphBuilder, context: ModelContext, states: Value, allHeads: Value): void {
  const { conditional } = context.config;
  if (conditional === undefined || conditional.between === 0) return;
  const width = 2 * conditional.between;
  const dtype = activationType(context.precision);
  const then = graph.subgraph("conditional", (inner) => [
    { value: statesOf(inner, innerContext(context), states), dtype },
  ]);
  const otherwise = graph.subgraph("no_conditional", (inner) => {
    const places = inner.op("Shape", [states], { attributes: { start: 0, end: 2 } });
    const shape = inner.op("Concat", [places, inner.ints([0, width])], { attributes: { axis: 0 } });
    const none = inner.op("Slice", [states, inner.ints([0]), inner.ints([0]), inner.ints([2])]);
    return [{ value: inner.op("Reshape", [none, shape], { attributes: { allowzero: 1 } }), dtype }];
  });
  const made = graph.op("If", [allHeads], { attributes: { then_branch: then, else_branch: otherwise } });
  const floats = dtype === "float32" ? made : graph.cast(made, "float32");
  graph.output(conditionalStates, floats, "float32", ["B", "P", "m", width]);
}

function statesOf(graph: GraphBuilder, context: ModelContext, states: Value): Value {
  const { config, precision } = context;
  const stateOf = (head: number): Value =>
    graph.op("Slice", [states, graph.ints([head - 1]), graph.ints([head]), graph.ints([2])]);
  const first = stateOf(1);
  const all = extraHeads(config).map((head) => {
    const both = graph.op("Concat", [stateOf(head), first], { attributes: { axis: -1 } });
    return linear(graph.scope(`conditional_${head}`), both, stateWeights(context, head), precision);
  });
  return all.length === 1 ? (all[0] as Value) : graph.op("Concat", all, { attributes: { axis: 2 } });
}

/** [W V] over [s_n, s_1]. */
function stateWeights({ config: { hiddenSize, conditional }, read }: ModelContext, head: number): LinearWeights {
  const prefix = `${conditionalPrefix(head)}.between`;
  const outputs = 2 * (conditional?.between ?? 0);
  return {
    name: `${prefix}.state`,
    inputs: 2 * hiddenSize,
    outputs,
    async load() {
      const [own, first] = [await read(`${prefix}.state.weight`), await read(`${prefix}.first.weight`)];
      const whole = new Float32Array(2 * hiddenSize * outputs);
      for (let row = 0; row < outputs; row++) {
        whole.set(own.subarray(row * hiddenSize, (row + 1) * hiddenSize), 2 * row * hiddenSize);
        whole.set(first.subarray(row * hiddenSize, (row + 1) * hiddenSize), (2 * row + 1) * hiddenSize);
      }
      return whole;
    },
    loadBias: () => read(`${prefix}.state.bias`),
  };
}
