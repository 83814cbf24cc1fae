/** From a pass's output tensors to each row's candidates. */
import { DynamoError, tensor, type Candidates, type Feed, type Tensor } from "@dynamo/core";
import type { ConditionalParts } from "../conditional/conditional-parts.js";
import { conditionalStates } from "./conditional-output.js";

/** One forward pass of a (possibly longer) feed. */
export interface Round {
  readonly newPositions: number;
  /** P: positions returned for every row; row b's first `wanted[b]` count. */
  readonly width: number;
  readonly tokens: Int32Array;
  readonly positions: Int32Array;
  readonly lengths: readonly number[];
  readonly wanted: readonly number[];
  readonly outputs: Readonly<Record<string, Tensor>>;
}

function dataOf<D extends "int32" | "float32">({ outputs }: Round, name: string, dtype: D): Tensor<D>["data"] {
  const output = outputs[name];
  if (output?.dtype !== dtype) {
    throw new DynamoError(
      "runtime",
      `the model should return ${name} as ${dtype}, received ${output?.dtype ?? "nothing"}`,
    );
  }
  return output.data as Tensor<D>["data"];
}

interface CandidatesOptions {
  readonly heads: number;
  /** Heads that are in the tensors. */
  readonly computed: number;
  /** Candidates that were asked for: a pass for conditional parts returns more. */
  readonly topK: number;
  readonly parts: ConditionalParts | undefined;
}

/** candidates[row][position][head]; throws `runtime` when a logit is not finite. */
export function candidatesOf(
  rounds: readonly Round[],
  feeds: readonly Feed[],
  { heads, computed, topK, parts }: CandidatesOptions,
): Candidates[][][] {
  const rows: Candidates[][][] = feeds.map(() => []);
  for (const round of rounds) {
    const ids = dataOf(round, "top_ids", "int32");
    const logits = dataOf(round, "top_logits", "float32");
    const sums = dataOf(round, "log_sum_exp", "float32");
    const k = ids.length / sums.length;
    const width = 2 * (parts?.sizes.between ?? 0);
    const states = width > 0 && computed > 1 ? dataOf(round, conditionalStates, "float32") : new Float32Array();
    for (const [row, wanted] of round.wanted.entries()) {
      for (let position = 0; position < wanted; position++) {
        const place = row * round.width + position;
        rows[row]?.push(
          Array.from({ length: heads }, (_, head) => {
            const all = candidatesAt(place * computed + head, k, ids, logits, sums, row, head);
            if (parts === undefined) return all;
            const asked = { ...all, ids: all.ids.subarray(0, topK), logits: all.logits.subarray(0, topK) };
            if (head === 0) return asked;
            const from = (place * (computed - 1) + head - 1) * width;
            const addBehind = parts.ofHead(head + 1)(states.subarray(from, from + width));
            return { ...asked, conditional: { ids: all.ids, logits: all.logits, addBehind } };
          }),
        );
      }
    }
  }
  return rows;
}

function candidatesAt(
  at: number,
  k: number,
  ids: Int32Array,
  logits: Float32Array,
  sums: Float32Array,
  row: number,
  head: number,
): Candidates {
  const logSumExp = sums[at] as number;
  if (!Number.isFinite(logSumExp)) {
    throw new DynamoError(
      "runtime",
      `head ${head + 1} of row ${row} returned logits that are not finite: damaged or overflowing weights`,
    );
  }
  return { ids: ids.subarray(at * k, (at + 1) * k), logits: logits.subarray(at * k, (at + 1) * k), logSumExp };
}

/** [rows, P, heads, vocabulary], each row's wanted positions first. */
export function gatherLogits(
  rounds: readonly Round[],
  feeds: readonly Feed[],
  heads: number,
  computed: number,
  vocabularySize: number,
): Tensor<"float32"> {
  const most = Math.max(...feeds.map(({ positions = 1 }) => positions));
  const [only] = rounds;
  // One round in which all rows want as many positions has nothing to be copied.
  if (rounds.length === 1 && only?.wanted.every((wanted) => wanted === most) === true && heads === computed)
    return tensor("float32", [feeds.length, most, heads, vocabularySize], dataOf(only, "logits", "float32"));
  const whole = tensor("float32", [feeds.length, most, heads, vocabularySize]);
  const filled = feeds.map(() => 0);
  for (const round of rounds) {
    const logits = dataOf(round, "logits", "float32");
    for (const [row, wanted] of round.wanted.entries()) {
      for (let position = 0; position < wanted; position++) {
        const from = (row * round.width + position) * computed * vocabularySize;
        const to = (row * most + (filled[row] as number)) * heads * vocabularySize;
        whole.data.set(logits.subarray(from, from + heads * vocabularySize), to);
        filled[row] = (filled[row] as number) + 1;
      }
    }
  }
  return whole;
}
