/** Medusa heads: blocks on head 1's state behind the final norm, which do not attend and have no norm of their own. */
import { DynamoError } from "@dynamo/core";
import type { GraphBuilder, Value } from "@dynamo/onnx";
import { headLayer } from "../architectures/tensor-names.js";
import { innerContext } from "./context.js";
import { sideBySide, stackHeads, type Beside, type WantedPositions } from "./side-by-side.js";
import { extraHeads } from "./cache-tensors.js";
import { headReader, type ModelContext } from "./token-heads.js";
import { activationType } from "./weights.js";

/** Head 1's state [B, P, 1, hidden] and, when `all_heads` is true, those of heads 2..N behind it on axis 2. */
export function withMedusaHeads(graph: GraphBuilder, context: ModelContext, first: Value, allHeads: Value): Value {
  const dtype = activationType(context.precision);
  const then = graph.subgraph("token_heads", (inner) => {
    const input = inner.op("Squeeze", [first, inner.ints([2])]);
    return [{ value: blocks(inner, innerContext(context), input), dtype }];
  });
  const otherwise = graph.subgraph("no_token_heads", (inner) => [
    { value: inner.op("Slice", [first, inner.ints([0]), inner.ints([0]), inner.ints([2])]), dtype },
  ]);
  const others = graph.op("If", [allHeads], { attributes: { then_branch: then, else_branch: otherwise } });
  return graph.op("Concat", [first, others], { attributes: { axis: 2 } });
}

/** x [B, P, hidden] → [B, P, N - 1, hidden]; the heads' first blocks are one product. */
function blocks(graph: GraphBuilder, context: ModelContext, x: Value): Value {
  const { config } = context;
  const layer = headLayer(config);
  let states: Beside = { kind: "input", value: x };
  for (let i = 0; i < config.headLayers; i++) {
    const readers = extraHeads(config).map((head) => headReader(context, head, i));
    const place = { name: `heads.medusa.${i}`, readers, shape: layer.attention };
    states = layer.forward(sideBySide(graph.scope(`blocks.${i}`), context, place, wantedAlready), states);
  }
  return stackHeads(graph, states);
}

const doNotAttend = (): never => {
  throw new DynamoError("unsupported", "Medusa heads do not attend");
};

/** What the blocks read is at the wanted positions as it is. */
const wantedAlready: WantedPositions = {
  gather: (_, x) => x,
  rotateQueries: doNotAttend,
  rotateKeys: doNotAttend,
  attend: doNotAttend,
};
