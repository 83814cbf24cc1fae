/** The engine in the hands of plain JavaScript: whatever it is given, only a DynamoError comes out. */
import { settledOrRefused, tableModel } from "@dynamo/core/testing";
import { dynamo } from "@dynamo/decode";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createEngine } from "./index.js";

const model = tableModel({ table: Array.from({ length: 2 }, () => Array.from({ length: 9 }, () => [1, 2, 3, 4, 5, 6, 7, 8, 9])) }); // prettier-ignore
const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSet: true, withSparseArray: true, withTypedArray: true }); // prettier-ignore
const value = fc.oneof(
  anything,
  fc.constantFrom<unknown>([1, 2], "\u0001", dynamo(), dynamo, Promise.resolve(model), 1, 0, undefined, "a key", model),
);
const options = fc.oneof(
  anything,
  fc
    .tuple(fc.constantFrom("slots", "keptTexts", "queue", "prefillTokens", "onPass", "slot"), value)
    .map(([name, each]) => ({ slots: 1, keptTexts: 1, [name]: each })),
);
const request = fc.oneof(
  anything,
  fc
    .tuple(
      fc.constantFrom("prompt", "key", "scope", "index", "joins", "strategy", "signal", "maxNewTokens", "stop", "now"),
      value,
    ) // prettier-ignore
    .map(([name, each]) => ({ prompt: [1], maxNewTokens: 2, [name]: each })),
);

test("createEngine, submit and close throw their own error only, now or later", async () => {
  const engine = await createEngine(model, { slots: 2 });
  await fc.assert(
    fc.asyncProperty(value, options, request, async (given, settings, asked) => {
      for (const first of [given, model]) {
        await settledOrRefused(async () => {
          const made = await createEngine(first as never, settings as never);
          await made.close({ now: true });
        });
      }
      await settledOrRefused(() => engine.submit(asked as never));
      await settledOrRefused(async () => (await createEngine(model, { slots: 1 })).close({ ...(asked as object) }));
    }),
    { numRuns: 200 },
  );
  expect((await engine.submit({ prompt: [1], maxNewTokens: 2 })).tokens).toHaveLength(2);
  await engine.close();
});
