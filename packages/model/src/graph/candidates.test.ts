import { tensor } from "@dynamo/core";
import { describe, expect, it } from "vitest";
import { candidatesOf, gatherLogits, type Round } from "./candidates.js";

/** Two rows, two positions, one head, two candidates of a vocabulary of two. */
function round(logSumExp: readonly number[], wanted: readonly number[] = [2, 1]): Round {
  const values = Float32Array.of(8, 7, 6, 5, 4, 3, 2, 1);
  return {
    newPositions: 2,
    width: 2,
    tokens: new Int32Array(4),
    positions: new Int32Array(4),
    lengths: [0, 0],
    wanted,
    outputs: {
      top_ids: tensor("int32", [2, 2, 1, 2], Int32Array.of(0, 1, 1, 0, 0, 1, 1, 0)),
      top_logits: tensor("float32", [2, 2, 1, 2], values),
      log_sum_exp: tensor("float32", [2, 2, 1], Float32Array.from(logSumExp)),
      logits: tensor("float32", [2, 2, 1, 2], values),
    },
  };
}

const options = { heads: 1, computed: 1, topK: 2, parts: undefined };
const feeds = [{ tokens: [1, 2], positions: 2 }, { tokens: [3] }];

describe("candidatesOf", () => {
  it("gives each row the positions that it asked for", () => {
    const rows = candidatesOf([round([9, 8, 7, NaN])], feeds, options);
    expect(rows.map((positions) => positions.length)).toEqual([2, 1]);
    expect(rows[1]?.[0]?.[0]).toEqual({ ids: Int32Array.of(0, 1), logits: Float32Array.of(4, 3), logSumExp: 7 });
  });

  it("refuses logits that are not finite, naming head and row", () => {
    for (const value of [NaN, Infinity, -Infinity]) {
      expect(() => candidatesOf([round([9, 8, value, 0])], feeds, options)).toThrow(/head 1 of row 1 .* not finite/);
    }
  });

  it("refuses outputs that are missing", () => {
    expect(() => candidatesOf([{ ...round([0, 0, 0, 0]), outputs: {} }], feeds, options)).toThrow(
      /top_ids as int32, received nothing/,
    );
  });
});

describe("gatherLogits", () => {
  it("puts each row's wanted positions first", () => {
    const { dims, data } = gatherLogits([round([0, 0, 0, 0])], feeds, 1, 1, 2);
    expect([dims, [...data]]).toEqual([
      [2, 2, 1, 2],
      [8, 7, 6, 5, 4, 3, 0, 0],
    ]);
  });
});
