/** Continuations' scores against each text's whole logits, computed by itself. */
import type { LanguageModel } from "@dynamo/core";
import { modelPath } from "@dynamo/stories";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testWorker, type TestWorker } from "../test/worker.js";
import { scoreContinuations, type Continuation } from "./log-likelihood.js";

let worker: TestWorker;
let model: LanguageModel;
beforeAll(async () => {
  worker = await testWorker();
  model = await worker.model(modelPath);
});
afterAll(() => worker.close());

/** Σ log p of the last `count` tokens, and whether each is the likeliest. */
async function alone(tokens: readonly number[], count: number): Promise<{ logLikelihood: number; greedy: boolean }> {
  const { vocabularySize } = model.info;
  const cache = await model.createCache({ rows: 1 });
  const fed = tokens.slice(0, -1);
  const options = { heads: 1, topK: 1, logits: true };
  const { logits } = await model.forward(cache, [{ tokens: fed, positions: fed.length }], options);
  await cache.dispose();
  let [logLikelihood, greedy] = [0, true];
  for (let position = fed.length - count; position < fed.length; position++) {
    const from = position * vocabularySize;
    const own = Float64Array.from((logits?.data ?? []).slice(from, from + vocabularySize));
    const most = Math.max(...own);
    const target = tokens[position + 1] as number;
    logLikelihood += (own[target] as number) - most - Math.log(own.reduce((sum, x) => sum + Math.exp(x - most), 0));
    greedy &&= own.indexOf(most) === target;
  }
  return { logLikelihood, greedy };
}

const encode = (text: string): number[] => Array.from(model.tokenizer.encode(text));

test("items of all lengths are scored as each by itself, in their order", async () => {
  const items: Continuation[] = [
    { context: "Once upon a time, there was a little", continuation: " girl named Lily" },
    { context: "", continuation: "Once upon a time" },
    { context: "The cat sat on the", continuation: " mat" },
    { context: "Tom and Sam were best friends. They liked to play in the park. One day,", continuation: " they" },
    { context: "Once upon", continuation: " a time" },
  ];
  const scores = await scoreContinuations(model, items, { batchTokens: 24 });
  for (const [i, { context, continuation }] of items.entries()) {
    const whole = [model.info.beginOfTextId ?? 0, ...encode(context + continuation)];
    const count = encode(context + continuation).length - encode(context).length;
    const { logLikelihood, greedy } = await alone(whole, count);
    expect(scores[i]?.logLikelihood).toBeCloseTo(logLikelihood, 3);
    expect(scores[i]).toMatchObject({ tokens: count, greedy, truncated: 0 });
  }
  expect(scores[4]?.greedy).toBe(true);
  expect(scores[2]?.greedy).toBe(false);
});

test("continuations that feed the same tokens share a row, each with its own targets", async () => {
  const items: Continuation[] = [
    { context: "Once upon a", continuation: " time" },
    { context: "Once upon", continuation: " a cat" },
    { context: "Once upon a", continuation: " girl" },
    { context: "Once upon a", continuation: " time" },
  ];
  let rows = 0;
  const counting: LanguageModel = {
    ...model,
    forward(cache, feeds, options) {
      rows += feeds.length;
      return model.forward(cache, feeds, options);
    },
  };
  const together = await scoreContinuations(counting, items);
  expect(rows).toBe(1);
  expect(together.map(({ tokens, greedy }) => [tokens, greedy])).toEqual([
    [1, true],
    [2, false],
    [1, false],
    [1, true],
  ]);
  for (const [i, item] of items.entries()) {
    const [score] = await scoreContinuations(model, [item]);
    expect(together[i]?.logLikelihood).toBeCloseTo(score?.logLikelihood ?? NaN, 4);
  }
});

test("spaces that end a context belong to the continuation", async () => {
  const [inContext, inContinuation] = await scoreContinuations(model, [
    { context: "Once upon a ", continuation: "time" },
    { context: "Once upon a", continuation: " time" },
  ]);
  expect(inContext).toEqual(inContinuation);
});

test("what is too long is cut at the left, and counted", async () => {
  const long = "The dog ran and the cat ran. ".repeat(120);
  const { contextLength } = model.info;
  const tokens = [model.info.beginOfTextId ?? 0, ...encode(`${long.trimEnd()} They were happy`)];
  const [score] = await scoreContinuations(model, [{ context: long.trimEnd(), continuation: " They were happy" }]);
  const seen = tokens.slice(-(contextLength + 1));
  expect(score?.truncated).toBe(tokens.length - seen.length);
  expect(score?.truncated).toBeGreaterThan(0);
  expect(score?.logLikelihood).toBeCloseTo((await alone(seen, score?.tokens ?? 0)).logLikelihood, 3);
});

test("an empty continuation is refused", async () => {
  await expect(scoreContinuations(model, [{ context: "a", continuation: "" }])).rejects.toMatchObject({
    code: "invalid-argument",
  });
  expect(await scoreContinuations(model, [])).toEqual([]);
});
