/** The loss of one token head, with the output embedding inside: logits exist for some hundred rows at a time only. */
import type { Value } from "@dynamo/onnx";
import { scalar } from "./operators.js";
import { gemm } from "./products.js";
import type { Tape, Variable } from "./tape.js";

/** What rows shall predict, and what each counts. */
export interface Targets {
  /** int64 [R, 1]: the token that each row shall predict. */
  readonly ids: Value;
  /** float32 [R, 1]: what each row counts; 1/rows for a mean, 0 for a row without a target. */
  readonly weights: Value;
}

/** What turns rows into logits. */
export interface Output {
  /** W [V, D] */
  readonly embedding: Variable;
  /** Logits z become cap · tanh(z / cap). */
  readonly cap?: number | undefined;
}

/** Rows of logits at a time: with 512 the chunk stays near the caches. */
const chunkRows = 512;
/**
 * Keeps the logarithm finite where a probability is too small for float32: a row's loss is at most 87 nats. It is added: a
 * Max would hide that a probability is not a number. It is a normal number of float32, since GPUs take smaller ones for 0.
 */
const smallest = 2e-38;

export interface Chunk {
  readonly from: number;
  readonly rows: number;
  readonly ids: Value;
  readonly weights: Value;
  readonly hidden: Value;
  /** [rows, V]: the derivative of capped logits, where they are capped. */
  readonly slope: Value | undefined;
  /** [rows, V] and, at the targets, [rows, 1]. */
  readonly probabilities: Value;
  readonly atTarget: Value;
}

/**
 * L = -Σ_r w_r log softmax(h_r·Wᵀ)[t_r] for hidden [R, D] and the output embedding W [V, D]. With D_r = softmax - onehot(t_r):
 * dh_r = dL·w_r·D_r·W and dW = Σ_r D_rᵀ·(dL·w_r·h_r): the weights scale rows of width D instead of V. Where logits are capped
 * D_r is times the cap's slope.
 */
export function linearCrossEntropy(tape: Tape, hidden: Variable, output: Output, targets: Targets): Variable {
  const chunks = predictions(tape, hidden, output, targets);
  return lossOfChunks(tape, {
    hidden,
    embedding: output.embedding,
    chunks,
    lossOf: chunkLoss,
    differenceOf: difference,
  });
}

/** The probabilities of all rows, some hundred rows at a time. */
export function predictions(tape: Tape, hidden: Variable, output: Output, targets: Targets): Chunk[] {
  const rows = hidden.dims[0] as number;
  const starts = Array.from({ length: Math.ceil(rows / chunkRows) }, (_, i) => i * chunkRows);
  return starts.map((from, i) =>
    predict(tape.scope(`chunk.${i}`), hidden, output, targets, from, Math.min(chunkRows, rows - from)),
  );
}

export interface ChunkedLoss {
  readonly hidden: Variable;
  readonly embedding: Variable;
  readonly chunks: readonly Chunk[];
  /** A chunk's loss, scalar. */
  readonly lossOf: (tape: Tape, chunk: Chunk) => Value;
  /** D [rows, V]: a row's loss by its logits, without the row's weight. */
  readonly differenceOf: (tape: Tape, chunk: Chunk) => Value;
}

/** The sum of the chunks' losses, with dh_r = dL·w_r·D_r·W and dW = Σ_r D_rᵀ·(dL·w_r·h_r). */
export function lossOfChunks(tape: Tape, { hidden, embedding, chunks, lossOf, differenceOf }: ChunkedLoss): Variable {
  const losses = chunks.map((chunk, i) => lossOf(tape.scope(`chunk.${i}`), chunk));
  const loss = losses.reduce((a, b) => tape.graph.op("Add", [a, b]));
  return tape.record([hidden, embedding], loss, [], (dy, t) => {
    let differences: Value[] | undefined;
    const all = (): Value[] => (differences ??= chunks.map((chunk) => sloped(t, chunk, differenceOf(t, chunk))));
    return [
      () => hiddenAdjoint(t, hidden, embedding, chunks, all(), dy),
      () => embeddingAdjoint(t, embedding, chunks, all(), dy),
    ];
  });
}

const sloped = ({ graph }: Tape, { slope }: Chunk, difference: Value): Value =>
  slope === undefined ? difference : graph.op("Mul", [difference, slope]);

/** Products h·Wᵀ as logits; slope = 1 - tanh². */
export function logitsOf(
  tape: Tape,
  rows: Value,
  { embedding, cap }: Output,
): { readonly logits: Value; readonly slope: Value | undefined } {
  const { graph } = tape;
  const products = gemm(tape, rows, embedding.value, undefined, { transB: true });
  if (cap === undefined) return { logits: products, slope: undefined };
  const number = (value: number): Value => scalar(tape, value).value;
  const bent = graph.op("Tanh", [graph.op("Mul", [products, number(1 / cap)])]);
  return {
    logits: graph.op("Mul", [bent, number(cap)]),
    slope: graph.op("Sub", [number(1), graph.op("Mul", [bent, bent])]),
  };
}

function predict(tape: Tape, hidden: Variable, output: Output, targets: Targets, from: number, rows: number): Chunk {
  const { graph } = tape;
  const cut = (value: Value): Value => (rows === hidden.dims[0] ? value : rowsOf(tape, value, from, rows));
  const [own, ids, weights] = [cut(hidden.value), cut(targets.ids), cut(targets.weights)];
  const { logits, slope } = logitsOf(tape, own, output);
  const probabilities = graph.op("Softmax", [logits], { attributes: { axis: -1 } });
  const atTarget = graph.op("GatherElements", [probabilities, ids], { attributes: { axis: 1 } });
  return { from, rows, ids, weights, hidden: own, slope, probabilities, atTarget };
}

export const rowsOf = ({ graph }: Tape, value: Value, from: number, rows: number): Value =>
  graph.op("Slice", [value, graph.ints([from]), graph.ints([from + rows]), graph.ints([0])]);

/** log p, finite */
export const logProbabilities = (tape: Tape, probabilities: Value): Value =>
  tape.graph.op("Log", [tape.graph.op("Add", [probabilities, scalar(tape, smallest).value])]);

export function chunkLoss(tape: Tape, { atTarget, weights }: Chunk): Value {
  const { graph } = tape;
  const logarithms = logProbabilities(tape, atTarget);
  const weighted = graph.op("Mul", [logarithms, weights]);
  return graph.op("Neg", [graph.op("ReduceSum", [weighted], { attributes: { keepdims: 0 } })]);
}

/** softmax - onehot(target): no one-hot is made, the target's place is overwritten. */
function difference(t: Tape, { probabilities, atTarget, ids }: Chunk): Value {
  const lowered = t.graph.op("Sub", [atTarget, scalar(t, 1).value]);
  return t.graph.op("ScatterElements", [probabilities, ids, lowered], { attributes: { axis: 1 } });
}

function hiddenAdjoint(
  t: Tape,
  hidden: Variable,
  embedding: Variable,
  chunks: readonly Chunk[],
  differences: readonly Value[],
  dy: Variable,
): Variable {
  const parts = chunks.map(({ weights }, i) => {
    const back = gemm(t, differences[i] as Value, embedding.value);
    return t.graph.op("Mul", [back, t.graph.op("Mul", [weights, dy.value])]);
  });
  const value = parts.length === 1 ? (parts[0] as Value) : t.graph.op("Concat", parts, { attributes: { axis: 0 } });
  return { ...hidden, value };
}

function embeddingAdjoint(
  t: Tape,
  embedding: Variable,
  chunks: readonly Chunk[],
  differences: readonly Value[],
  dy: Variable,
): Variable {
  let total: Value | undefined;
  for (const [i, { hidden, weights }] of chunks.entries()) {
    const weighted = t.graph.op("Mul", [hidden, t.graph.op("Mul", [weights, dy.value])]);
    total = gemm(t, differences[i] as Value, weighted, total, { transA: true });
  }
  return { ...embedding, value: total as Value };
}
