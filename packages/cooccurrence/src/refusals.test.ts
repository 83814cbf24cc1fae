import { DynamoError } from "@dynamo/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createNgramCounter, decodeMask, encodeMask } from "./index.js";

describe("wrong arguments", () => {
  const counter = createNgramCounter({ order: 3, vocabularySize: 9 });
  counter.add([1, 2, 3, 1, 2, 4]);
  const mask = counter.finish();
  const matches = { cells: new Int32Array(4), weights: new Float64Array(4), length: 0 };

  it.each([
    ["no options", () => createNgramCounter(undefined as never), /options must be a plain object, received undefined/],
    [
      "an option's other name",
      () => createNgramCounter({ order: 2, vocabSize: 9 } as never),
      /no option vocabSize: expected one of order, vocabularySize/,
    ],
    [
      "order 5",
      () => createNgramCounter({ order: 5, vocabularySize: 9 }),
      /order must be a whole number from 1 to 4, received 5/,
    ],
    ["a text", () => counter.add("abc" as never), /tokens must be a list of token ids, received "abc"/],
    ["a token that is not there", () => counter.add([9]), /token ids run from 0 to 8, received 9/],
    ["min_count", () => counter.finish({ min_count: 2 } as never), /no option min_count: did you mean minCount\?/],
    ["a file's name", () => decodeMask("mask" as never), /file must be a file's bytes, a Uint8Array, received "mask"/],
    ["no mask", () => encodeMask({} as never), /mask must be a mask/],
    ["lists of plain numbers", () => mask.match([[1], [2]] as never, matches), /match\(\) takes a list of Int32Arrays/],
    ["a list with holes", () => mask.match(new Array(2) as never, matches), /match\(\) takes a list of Int32Arrays/],
    [
      "a history that is a text",
      () => mask.lifts("ab" as never, [1], new Float64Array(1)),
      /history must be a list of token ids/,
    ],
    [
      "too short a place for lifts",
      () => mask.lifts([1], [1, 2], new Float64Array(1)),
      /at least 2 elements, received 1/,
    ],
    ["no place for lifts", () => mask.lifts([1], [1], [] as never), /into: expected a Float64Array/],
    ["no n-gram", () => mask.weight(undefined as never), /ngram must be a list of token ids/],
  ])("%s", (_, run, expected) => {
    expect(run).toThrow(
      expect.objectContaining({ code: "invalid-argument", message: expect.stringMatching(expected) }),
    );
  });

  it("never end in another error, whatever they are", () => {
    const anything = fc.oneof(
      fc.anything({ withNullPrototype: true, withBigInt: true, withTypedArray: true }),
      fc.constantFrom<unknown>(undefined, null, mask, matches, [1, 2], Int32Array.of(1), [
        Int32Array.of(1),
        Int32Array.of(2),
      ]),
    );
    const calls: Record<string, (...given: never[]) => unknown> = {
      ...{ createNgramCounter, decodeMask, encodeMask, add: counter.add, finish: counter.finish },
      ...{ count: mask.count, weight: mask.weight, match: mask.match, total: mask.total, stored: mask.stored },
    };
    for (const call of Object.values(calls)) {
      fc.assert(
        fc.property(fc.array(anything, { maxLength: 3 }), (given) => {
          try {
            call(...(given as never[]));
          } catch (error) {
            if (!DynamoError.is(error)) throw error;
          }
        }),
        { numRuns: 200 },
      );
    }
  });
});
