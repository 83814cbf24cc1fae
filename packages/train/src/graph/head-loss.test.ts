import { graphBuilder } from "@dynamo/onnx";
import { describe, expect, test } from "vitest";
import { dense, evaluate } from "../__oracle__/evaluate.js";
import { createTape } from "../autodiff/tape.js";
import { headLoss } from "./head-loss.js";

const [batch, sequence, width, vocabulary] = [2, 4, 3, 5];
const rows = batch * sequence;
const numbers = (length: number, factor: number): number[] =>
  Array.from({ length }, (_, i) => Math.fround(2 * Math.sin(factor * (i + 1))));
const [hidden, first, embedding, teaching] = [
  numbers(rows * width, 1.3),
  numbers(rows * width, 0.7),
  numbers(vocabulary * width, 2.1),
  // Head 1's: a head may have an output embedding of its own.
  numbers(vocabulary * width, 1.7),
];
const ids = Array.from({ length: rows }, (_, i) => (3 * i + 1) % vocabulary);
const weights = Array.from({ length: rows }, (_, i) => (i === 2 ? 0 : 0.25));

function logSoftmax(states: readonly number[], row: number, table: readonly number[]): number[] {
  const logits = Array.from({ length: vocabulary }, (_, token) =>
    Array.from(
      { length: width },
      (__, i) => (states[row * width + i] as number) * (table[token * width + i] as number),
    ).reduce((a, b) => a + b),
  );
  const sum = Math.log(logits.reduce((total, logit) => total + Math.exp(logit), 0));
  return logits.map((logit) => logit - sum);
}

/** By the definition, a row after the other. */
function expected(head: number, share: number): { objective: number; crossEntropy: number } {
  let [objective, crossEntropy] = [0, 0];
  for (let row = 0; row < rows; row++) {
    const own = logSoftmax(hidden, row, embedding);
    const [weight, id] = [weights[row] as number, ids[row] as number];
    const isTaught = (row % sequence) + head - 1 < sequence;
    const taught = isTaught ? logSoftmax(first, row + head - 1, teaching) : [];
    const a = isTaught ? share : 0;
    const target = own.map((_, token) => (token === id ? 1 - a : 0) + a * Math.exp(taught[token] ?? 0));
    objective -= weight * own.reduce((sum, log, token) => sum + log * (target[token] as number), 0);
    crossEntropy -= weight * (own[id] as number);
  }
  return { objective, crossEntropy };
}

async function computed(head: number, distillation: number): Promise<{ objective: number; crossEntropy: number }> {
  const graph = graphBuilder("test");
  const tape = createTape(graph);
  const targets = {
    ids: graph.input("ids", "int64", [rows, 1]),
    weights: graph.input("weights", "float32", [rows, 1]),
  };
  const loss = headLoss(tape, tape.parameter("hidden", [rows, width]), {
    head,
    output: { embedding: tape.parameter("embedding", [vocabulary, width]) },
    targets,
    distillation,
    sequence,
    teacher: {
      hidden: tape.parameter("first", [rows, width]),
      output: { embedding: tape.parameter("teaching", [vocabulary, width]) },
    },
  });
  const values = await evaluate(graph.finish(), {
    hidden: dense([rows, width], hidden),
    first: dense([rows, width], first),
    embedding: dense([vocabulary, width], embedding),
    teaching: dense([vocabulary, width], teaching),
    ids: dense([rows, 1], ids),
    weights: dense([rows, 1], weights),
  });
  const of = (name: string): number => values.get(name)?.data[0] as number;
  return { objective: of(loss.objective.value), crossEntropy: of(loss.crossEntropy) };
}

describe("headLoss", () => {
  test.each([
    [1, 0.5],
    [2, 0],
    [2, 0.5],
    [3, 1],
    [4, 0.25],
  ])("of head %d with a share of %d for head 1, which looks further ahead", async (head, share) => {
    const found = await computed(head, share);
    const wanted = expected(head, head === 1 ? 0 : share);
    expect(found.objective).toBeCloseTo(wanted.objective, 9);
    expect(found.crossEntropy).toBeCloseTo(wanted.crossEntropy, 9);
  });

  test("needs head 1 for that", () => {
    const tape = createTape(graphBuilder("test"));
    const parameter = tape.parameter("x", [rows, width]);
    const options = {
      head: 2,
      output: { embedding: parameter },
      targets: { ids: "i", weights: "w" },
      distillation: 0.5,
      sequence,
    };
    expect(() => headLoss(tape, parameter, { ...options, teacher: undefined })).toThrow(/needs head 1/);
  });
});
