import { settledOrRefused } from "@dynamo/core/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createBpeTrainer } from "./index.js";

test("whatever createBpeTrainer is given, only a DynamoError comes out; another name is refused", async () => {
  await fc.assert(
    fc.asyncProperty(fc.anything({ withBigInt: true, withMap: true, withNullPrototype: true }), async (given) => {
      await settledOrRefused(() => createBpeTrainer(given as never));
      await settledOrRefused(() => createBpeTrainer({ vocabularySize: 300, specialTokens: given as never }));
    }),
    { numRuns: 150 },
  );
  expect(() => createBpeTrainer({ vocabularySize: 300, minfrequency: 1 } as never)).toThrow(
    /did you mean minFrequency\?/,
  );
});
