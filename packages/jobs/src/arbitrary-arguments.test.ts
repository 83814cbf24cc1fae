/** Functions without a database in the hands of plain JavaScript: whatever they are given, only a DynamoError comes out. */
import { settledOrRefused } from "@dynamo/core/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { jobId, workOn } from "./index.js";

const value = fc.oneof(
  fc.anything({ withBigInt: true, withMap: true, withNullPrototype: true, withTypedArray: true }),
  fc.constantFrom<unknown>("a", undefined, () => undefined, { queue: {}, log: () => undefined }),
);

test("jobId and workOn throw their own error only", async () => {
  await fc.assert(
    fc.asyncProperty(value, value, value, async (first, second, third) => {
      await settledOrRefused(() => jobId(first as never));
      await settledOrRefused(() => workOn(first as never, second as never, third as never));
    }),
    { numRuns: 150 },
  );
});

test("a queue's other name is refused", async () => {
  const wrong = { queues: {}, log: () => undefined };
  await expect(workOn("a", wrong as never, () => Promise.resolve("done"))).rejects.toThrow(
    "workOn() has no option queues: did you mean queue?",
  );
});
