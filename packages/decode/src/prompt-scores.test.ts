import type { LanguageModel } from "@dynamo/core";
import { tableModel } from "@dynamo/core/testing";
import { describe, expect, it } from "vitest";
import { createRandom, dynamo, generate, startDecoding, verified } from "./index.js";
import { prefillRow, startRow } from "./rows.js";

const size = 30;
const next = createRandom(8);
const table = [1, 2, 3].map(() =>
  Array.from({ length: size }, () => Float32Array.from({ length: size }, () => 6 * next())),
);

/** A model that notes how many whole logits its passes return. */
function model(noted: number[] = []): LanguageModel {
  const own = tableModel({ table, endOfTextIds: [0], contextLength: 40 });
  return {
    ...own,
    forward(cache, feeds, options) {
      if (options.logits === true) noted.push(...feeds.map(({ positions = 1 }) => positions));
      return own.forward(cache, feeds, options);
    },
  };
}

/** ln softmax of head 1's row, and the tokens of the largest values: from the table itself. */
function expected(prompt: readonly number[], alternatives: number): unknown[] {
  return prompt.map((token, i) => {
    const row = Array.from(table[0]?.[prompt[i - 1] ?? 0] ?? []);
    const sum = Math.log(row.reduce((total, logit) => total + Math.exp(logit), 0));
    const ids = [...row.keys()].sort((a, b) => (row[b] as number) - (row[a] as number)).slice(0, alternatives);
    const near = (value: number): unknown => expect.closeTo(value, 4);
    return i === 0
      ? { token, head: 1, logprob: undefined, top: [] }
      : {
          token,
          head: 1,
          logprob: near((row[token] as number) - sum),
          top: ids.map((id) => ({ token: id, logprob: near((row[id] as number) - sum) })),
        };
  });
}

const prompts = [[5], [1, 2, 3, 4, 29, 7], [9, 9]];

describe("a prompt's log-probabilities", () => {
  it.each([0, 3])(
    "are head 1's, with %i alternatives, for each prompt of a batch; the text is as without",
    async (alternatives) => {
      for (const strategy of [dynamo({ topK: 4 }), verified({ topK: 4 })]) {
        const settings = { strategy, seed: 3, maxNewTokens: 6 };
        const results = await generate(model(), prompts, { ...settings, promptLogprobs: alternatives });
        const without = await generate(model(), prompts, settings);
        for (const [i, { promptLogprobs, text, tokens }] of results.entries()) {
          expect(promptLogprobs).toEqual(expected(prompts[i] as number[], alternatives));
          expect({ text, tokens }).toEqual({ text: without[i]?.text, tokens: without[i]?.tokens });
          expect(without[i]?.promptLogprobs).toBeUndefined();
        }
      }
    },
  );

  it("come with the first chunk", async () => {
    const seen: unknown[] = [];
    for await (const { promptLogprobs } of generate(model(), [3, 4], {
      promptLogprobs: true,
      maxNewTokens: 12,
      seed: 1,
    }))
      seen.push(promptLogprobs);
    expect(seen.length).toBeGreaterThan(1);
    expect(seen[0]).toEqual(expected([3, 4], 0));
    expect(seen.slice(1).every((each) => each === undefined)).toBe(true);
  });

  it("are the same however the prompt is cut into pieces", async () => {
    const prompt = Array.from({ length: 17 }, (_, i) => (i * 7) % size);
    for (const most of [1, 2, 5, 17, 99]) {
      const noted: number[] = [];
      const own = model(noted);
      const row = startRow(startDecoding(own, prompt, { promptLogprobs: 2 }));
      const cache = await own.createCache({ rows: 1 });
      let candidates: Awaited<ReturnType<typeof prefillRow>>;
      while (candidates === undefined) candidates = await prefillRow(own, cache, row, { most });
      expect(row.decoding.progress.promptLogprobs).toEqual(expected(prompt, 2));
      expect([candidates.length, candidates[0]?.length]).toEqual([1, 1]);
      expect(noted).toEqual(Array.from({ length: Math.ceil(17 / most) }, (_, i) => Math.min(most, 17 - i * most)));
    }
  });

  it("keep a pass's whole logits below 64 MiB", () => {
    const info = { ...model().info, vocabularySize: 50_304, tokenHeads: 3 };
    const scores = startDecoding({ ...model(), info }, [1], { promptLogprobs: 5 }).promptScores;
    expect(scores?.most).toBe(111);
    expect((scores?.most ?? 0) * 3 * 50_304 * 4).toBeLessThanOrEqual(64 * 2 ** 20);
  });
});

describe("maxNewTokens 0", () => {
  it("scores the prompt alone, which may fill the context", async () => {
    const full = Array.from({ length: 40 }, (_, i) => i % size);
    const result = await generate(model(), full, { maxNewTokens: 0, promptLogprobs: 1 });
    expect(result).toMatchObject({
      text: "",
      tokens: [],
      finishReason: "length",
      statistics: { passes: 0, tokens: 0 },
    });
    expect(result.promptLogprobs).toEqual(expected(full, 1));
    expect(() => generate(model(), full, { maxNewTokens: 1 })).toThrow(/the context holds 40 with at least one/);
    expect(() => generate(model(), [...full, 1], { maxNewTokens: 0 })).toThrow(/the prompt has 41 tokens/);
  });

  it("is an empty text otherwise, without a pass", async () => {
    const own = tableModel({ table, contextLength: 40 });
    const results = await generate(own, prompts, { maxNewTokens: 0 });
    expect(results.map(({ text, finishReason }) => text + finishReason)).toEqual(["length", "length", "length"]);
    expect(own.passes).toBe(0);
  });
});
