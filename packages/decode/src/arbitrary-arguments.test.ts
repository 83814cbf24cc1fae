/** The public functions in the hands of plain JavaScript: whatever they are given, only a DynamoError comes out. */
import type { Candidates } from "@dynamo/core";
import { settledOrRefused, tableModel } from "@dynamo/core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as decode from "./index.js";

const model = tableModel({ table: Array.from({ length: 2 }, () => Array.from({ length: 9 }, () => [1, 2, 3, 4, 5, 6, 7, 8, 9])) }); // prettier-ignore
const candidates: Candidates = { ids: Int32Array.of(3, 1), logits: Float32Array.of(2, 1), logSumExp: 3 };
const step = { temperature: 1, repetitionPenalty: 1.1, backoff: 0.5, maskStrength: 1, adaptive: true, blur: true };

const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSet: true, withSparseArray: true, withTypedArray: true }); // prettier-ignore
/** Right ones among them, so that calls come past their first check. */
const right = fc.constantFrom<unknown>(
  ...[model, "a", [1, 2], [[1], [2]], 1, 0, {}, undefined, candidates, [candidates, candidates], [[candidates]]],
  ...[Int32Array.of(1), Float64Array.of(0.5, 0.5), step, () => 0.5, [{ token: 1 }], [], { draftModel: model }],
  ...[{ maxNewTokens: 2, seed: 1 }, { strategy: decode.dynamo(), maxNewTokens: 3 }, { observe: () => undefined }],
  ...[{ role: "user", content: "hi" }, "dynamo", decode.dynamo, Promise.resolve(model), { stop: "." }],
);
/** What is right but for one thing. */
const nearly = fc
  .tuple(
    fc.constantFrom(
      "strategy",
      "maxNewTokens",
      "seed",
      "stop",
      "logprobs",
      "signal",
      "logitBias",
      "temperature",
      "topK",
      "minP",
      "badWords",
      "suppressTokens",
      "beginOfText",
    ),
    fc.oneof(anything, right),
  ) // prettier-ignore
  .map(([name, value]) => ({ maxNewTokens: 2, [name]: value }));
const argument = fc.oneof(anything, right, right, nearly);

const functions = Object.entries<unknown>({ ...decode }).filter((entry): entry is [string, (...given: unknown[]) => unknown] => typeof entry[1] === "function"); // prettier-ignore

describe.each(functions)("%s", (name, call) => {
  it("throws its own error only, now or later", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(argument, { maxLength: 5 }), async (given) => {
        await settledOrRefused(() => call(...given));
      }),
      { numRuns: 200 },
    );
  });

  it.runIf(["generate", "startDecoding"].includes(name))("does so with a model and a prompt, too", async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(right, anything), fc.oneof(nearly, argument), async (prompt, options) => {
        await settledOrRefused(() => call(model, prompt, options));
        await settledOrRefused(() => call(model, [1], options));
      }),
      { numRuns: 200 },
    );
  });
});

it("what they return throws its own error only", async () => {
  const dynamoStep = decode.createDynamoStep() as (...given: unknown[]) => unknown;
  await fc.assert(
    fc.asyncProperty(fc.array(argument, { maxLength: 5 }), async (given) => {
      await settledOrRefused(() => dynamoStep(...given));
      const decoding = decode.startDecoding(model, [1]) as unknown as Record<string, (...given: unknown[]) => unknown>;
      await settledOrRefused(() => decoding["step"]?.(...given));
      await settledOrRefused(() => decoding["cancel"]?.(...given));
    }),
    { numRuns: 200 },
  );
  expect(functions.length).toBeGreaterThan(12);
});
