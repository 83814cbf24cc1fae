/**
 * One token head's loss. With distillation, head n also learns from head 1, which predicts the same token from n - 1 tokens
 * more: head n's target at position t is head 1's distribution at t + n - 1, where the sequence reaches that far.
 */
import { DynamoError } from "@dynamo/core";
import type { Value } from "@dynamo/onnx";
import { bytesOf } from "../autodiff/bytes.js";
import { linearCrossEntropy, type Output, type Targets } from "../autodiff/cross-entropy.js";
import { distilledCrossEntropy, type Distilled, type Teacher } from "../autodiff/distillation.js";
import type { Tape, Variable } from "../autodiff/tape.js";

export type HeadLoss = Distilled;

export interface HeadLossOptions {
  readonly head: number;
  /** This head's. */
  readonly output: Output;
  readonly targets: Targets;
  /** The teacher's share, 0 to 1. */
  readonly distillation: number;
  readonly sequence: number;
  /** Head 1's normalised output, [B·S, hidden], and what makes logits of it, where the graph has it. */
  readonly teacher: { readonly hidden: Variable; readonly output: Output } | undefined;
}

export function headLoss(tape: Tape, hidden: Variable, options: HeadLossOptions): HeadLoss {
  const { head, output, targets, distillation, teacher } = options;
  if (distillation === 0 || head === 1) {
    const objective = linearCrossEntropy(tape, hidden, output, targets);
    return { objective, crossEntropy: objective.value };
  }
  if (teacher === undefined)
    throw new DynamoError("unsupported", "distillation needs head 1 in the graph of the heads that learn from it");
  return distilledCrossEntropy(tape, hidden, output, targets, shifted(tape, teacher, options));
}

/** Head 1's rows n - 1 further on. The last n - 1 of each sequence have no teacher, whatever stands there. */
function shifted(
  tape: Tape,
  { hidden, output }: NonNullable<HeadLossOptions["teacher"]>,
  { head, distillation, sequence }: HeadLossOptions,
): Teacher {
  const { graph } = tape;
  const rows = hidden.dims[0] as number;
  const by = Math.min(head - 1, rows);
  const part = (from: number, to: number): Value =>
    graph.op("Slice", [hidden.value, graph.ints([from]), graph.ints([to]), graph.ints([0])]);
  const share = Float32Array.from({ length: rows }, (_, row) => ((row % sequence) + by < sequence ? distillation : 0));
  return {
    hidden: graph.op("Concat", [part(by, rows), part(0, by)], { attributes: { axis: 0 } }),
    output,
    // A head's own and its conditional part have the same one.
    share: graph.initializer(`teacher_share.${head}`, "float32", [rows, 1], () => bytesOf(share), { shared: true }),
  };
}
