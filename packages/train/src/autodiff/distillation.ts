/** The loss of a token head that learns from a teacher's distribution beside its targets. */
import type { Value } from "@dynamo/onnx";
import {
  chunkLoss,
  logitsOf,
  logProbabilities,
  lossOfChunks,
  predictions,
  rowsOf,
  type Chunk,
  type Output,
  type Targets,
} from "./cross-entropy.js";
import { scalar } from "./operators.js";
import type { Tape, Variable } from "./tape.js";

/** Who teaches; no gradient reaches it. */
export interface Teacher {
  /** float32 [R, D]: its softmax(hidden·embeddingᵀ) is what each row learns from. */
  readonly hidden: Value;
  readonly output: Output;
  /** float32 [R, 1], 0 to 1: the teacher's share a_r in each row's target. */
  readonly share: Value;
}

/** A loss with a teacher's part in it. */
export interface Distilled {
  /** What is minimised. */
  readonly objective: Variable;
  /** Σ w_r -log p_r[t_r], as without a teacher: what runs report, so that they can be compared. */
  readonly crossEntropy: Value;
}

/**
 * L = -Σ_r w_r Σ_v q_r[v] log p_r[v] with q_r = (1 - a_r)·onehot(t_r) + a_r·T_r, T the teacher's distribution and
 * p = softmax(h·Wᵀ). As in `linearCrossEntropy`, dh_r = dL·w_r·D_r·W and dW = Σ_r D_rᵀ·(dL·w_r·h_r), here with D = p - q.
 */
export function distilledCrossEntropy(
  tape: Tape,
  hidden: Variable,
  output: Output,
  targets: Targets,
  teacher: Teacher,
): Distilled {
  const { graph } = tape;
  const chunks = predictions(tape, hidden, output, targets);
  const lessons = new Map(chunks.map((chunk, i) => [chunk, learn(tape.scope(`teacher.${i}`), teacher, chunk)]));
  const lessonOf = (chunk: Chunk): Lesson => lessons.get(chunk) as Lesson;
  const objective = lossOfChunks(tape, {
    hidden,
    embedding: output.embedding,
    chunks,
    lossOf: (t, chunk) => distilledLoss(t, chunk, lessonOf(chunk)),
    differenceOf: (t, chunk) => distilledDifference(t, chunk, lessonOf(chunk)),
  });
  const crossEntropy = chunks.map((chunk) => chunkLoss(tape, chunk)).reduce((a, b) => graph.op("Add", [a, b]));
  return { objective, crossEntropy };
}

interface Lesson {
  /** a·T [rows, V] */
  readonly taught: Value;
  /** 1 - a [rows, 1] */
  readonly rest: Value;
}

function learn(tape: Tape, { hidden, output, share }: Teacher, { from, rows }: Chunk): Lesson {
  const { graph } = tape;
  const [own, part] = [rowsOf(tape, hidden, from, rows), rowsOf(tape, share, from, rows)];
  const { logits } = logitsOf(tape, own, output);
  const probabilities = graph.op("Softmax", [logits], { attributes: { axis: -1 } });
  return {
    taught: graph.op("Mul", [probabilities, part]),
    rest: graph.op("Sub", [scalar(tape, 1).value, part]),
  };
}

function distilledLoss(tape: Tape, { probabilities, atTarget, weights }: Chunk, { taught, rest }: Lesson): Value {
  const { graph } = tape;
  const products = graph.op("Mul", [taught, logProbabilities(tape, probabilities)]);
  const fromTeacher = graph.op("ReduceSum", [products, graph.ints([-1])], { attributes: { keepdims: 1 } });
  const fromTarget = graph.op("Mul", [rest, logProbabilities(tape, atTarget)]);
  const weighted = graph.op("Mul", [graph.op("Add", [fromTeacher, fromTarget]), weights]);
  return graph.op("Neg", [graph.op("ReduceSum", [weighted], { attributes: { keepdims: 0 } })]);
}

/** p - a·T, less 1 - a at the target. */
function distilledDifference({ graph }: Tape, { probabilities, ids }: Chunk, { taught, rest }: Lesson): Value {
  const apart = graph.op("Sub", [probabilities, taught]);
  const lowered = graph.op("Sub", [graph.op("GatherElements", [apart, ids], { attributes: { axis: 1 } }), rest]);
  return graph.op("ScatterElements", [apart, ids, lowered], { attributes: { axis: 1 } });
}
