/** Speculative sampling: the output is the model's own, whatever the draft model thinks; what it remembers changes nothing. */
import { tableModel } from "@dynamo/core/testing";
import type { KvCache, LanguageModel, Strategy } from "@dynamo/core";
import { describe, expect, it } from "vitest";
import { autoregressive, createRandom, generate, speculative } from "./index.js";
import { chiSquaredLimit, twoSampleStatistic } from "./chi-squared.js";

interface Own {
  readonly contextLength?: number;
  /** How far the table of the same seed is from the model's: 0 is the model itself. */
  readonly noise?: number;
  readonly endOfTextIds?: readonly number[];
}

function randomModel(seed: number, size: number, { contextLength = 80, noise = 0, endOfTextIds = [] }: Own = {}) {
  const next = createRandom(seed);
  const other = createRandom(seed + 1000);
  const rows = Array.from({ length: size }, () =>
    Float32Array.from({ length: size }, () => 5 * next() + noise * 5 * other()),
  );
  return tableModel({ table: [rows], contextLength, endOfTextIds });
}

const prompts = [[0], [1, 2, 3], [4, 5]];

describe("greedy speculative decoding", () => {
  it("is greedy autoregressive decoding, token for token, alone and in a batch", async () => {
    let fewer = 0;
    for (let seed = 0; seed < 100; seed++) {
      const size = 6 + (seed % 20);
      const model = randomModel(seed, size);
      const draftModel = randomModel(seed, size, { noise: 0.3 });
      const options = { temperature: 0, repetitionPenalty: [1, 1.1, 2][seed % 3] ?? 1 };
      const settings = { seed, maxNewTokens: 30 };
      const strategy = speculative({ ...options, draftModel, drafts: 1 + (seed % 6) });
      const expected = await generate(model, prompts, { ...settings, strategy: autoregressive(options) });
      const received = await generate(model, prompts, { ...settings, strategy });
      const alone = await generate(model, [1, 2, 3], { ...settings, strategy });
      expect(received.map(({ tokens }) => tokens)).toEqual(expected.map(({ tokens }) => tokens));
      expect(alone.tokens).toEqual(expected[1]?.tokens);
      fewer += Number((received[0]?.statistics.passes ?? 0) < (expected[0]?.statistics.passes ?? 0));
    }
    expect(fewer).toBeGreaterThan(60);
  });

  it("accepts all drafts of a model that drafts for itself: drafts + 1 tokens per pass", async () => {
    const model = randomModel(5, 20);
    for (const temperature of [0, 1]) {
      const strategy = speculative({ draftModel: model, drafts: 4, temperature });
      const { statistics } = await generate(model, [1], { strategy, seed: 1, maxNewTokens: 41 });
      // The prompt's pass has no drafts to judge.
      expect(statistics.orders).toEqual({ 1: 1, 5: 8 });
    }
  });

  it("stops at an end of text that was drafted, and drafts nothing behind one", async () => {
    const model = randomModel(9, 12, { endOfTextIds: [3] });
    const expected = await generate(model, [1], { strategy: autoregressive({ temperature: 2 }), seed: 4 });
    expect(expected.tokens.at(-1)).toBe(3);
    for (let seed = 0; seed < 20; seed++) {
      const strategy = speculative({ draftModel: model, temperature: 2 });
      const { tokens, finishReason } = await generate(model, [1], { strategy, seed });
      expect([finishReason, tokens.indexOf(3)]).toEqual(["end-of-text", tokens.length - 1]);
    }
  });

  it("fills the model's context where the draft model's is shorter", async () => {
    const model = randomModel(2, 20, { contextLength: 60 });
    const draftModel = randomModel(2, 20, { contextLength: 32 });
    const settings = { seed: 1, maxNewTokens: 100 };
    const expected = await generate(model, [1], { ...settings, strategy: autoregressive({ temperature: 0 }) });
    const received = await generate(model, [1], {
      ...settings,
      strategy: speculative({ draftModel, temperature: 0 }),
    });
    expect(received.tokens).toEqual(expected.tokens);
    expect(received.tokens).toHaveLength(59);
    expect(received.statistics.passes).toBeGreaterThan(59 - 32);
  });
});

describe("sampled speculative decoding", () => {
  for (const [name, noise, penalty] of [
    ["with a draft model near the model", 0.3, 1],
    ["with a draft model far from it and a penalty", 2, 1.5],
  ] as const) {
    it(`has autoregressive decoding's distribution ${name}`, async () => {
      const size = 4;
      const model = randomModel(11, size);
      const options = { temperature: 2, repetitionPenalty: penalty };
      const draftModel = randomModel(11, size, { noise });
      const counts = async (strategy: Strategy): Promise<Map<string, number>> => {
        const seen = new Map<string, number>();
        for (let seed = 0; seed < 10; seed++) {
          // Rows of a batch have random streams of their own.
          const rows = Array.from({ length: 400 }, () => [0]);
          const results = await generate(model, rows, { strategy, maxNewTokens: 4, seed });
          for (const { tokens } of results) seen.set(tokens.join(), (seen.get(tokens.join()) ?? 0) + 1);
        }
        return seen;
      };
      const expected = await counts(autoregressive(options));
      const received = await counts(speculative({ ...options, draftModel, drafts: 2 }));
      const { statistic, outcomes } = twoSampleStatistic(expected, received);
      expect(outcomes).toBeGreaterThan(50);
      expect(statistic).toBeLessThan(chiSquaredLimit(outcomes - 1));
    });
  }

  it("writes the same whoever else it writes for, generations at the same time included", async () => {
    const model = randomModel(21, 16);
    const draftModel = randomModel(21, 16, { noise: 0.5 });
    const used = speculative({ draftModel });
    const write = (strategy: Strategy, seed: number): PromiseLike<{ tokens: readonly number[] }> =>
      generate(model, [1, 2], { strategy, seed, maxNewTokens: 25 });
    const fresh: (readonly number[])[] = [];
    for (let seed = 0; seed < 6; seed++) fresh.push((await write(speculative({ draftModel }), seed)).tokens);
    const together = await Promise.all(fresh.map((_, seed) => write(used, seed)));
    expect(together.map(({ tokens }) => tokens)).toEqual(fresh);
  });
});

describe("the draft model", () => {
  it("feeds only what it has not seen, and has a cache for each text until it ends", async () => {
    const draftModel = randomModel(8, 20);
    let [open, fed] = [0, 0];
    let most = 0;
    const counted: LanguageModel = {
      ...draftModel,
      async createCache(options) {
        const cache: KvCache = await draftModel.createCache(options);
        const disposeCache = cache.dispose;
        most = Math.max(most, ++open);
        const dispose = (): Promise<void> => {
          open--;
          return disposeCache();
        };
        return Object.assign(cache, { dispose });
      },
      forward(cache, feeds, options) {
        fed += feeds[0]?.tokens.length ?? 0;
        return draftModel.forward(cache, feeds, options);
      },
    };
    const strategy = speculative({ draftModel: counted, drafts: 3, temperature: 0 });
    const { tokens } = await generate(randomModel(8, 20), [[1, 2], [5]], { strategy, seed: 1, maxNewTokens: 30 }).then(
      ([first]) => first ?? { tokens: [] },
    );
    expect(tokens).toHaveLength(30);
    // Two texts of 32 tokens: each token once.
    expect(fed).toBeLessThanOrEqual(64);
    expect(most).toBe(2);
    expect(open).toBe(0);
  });

  it("must have the model's vocabulary", async () => {
    const run = (draftModel: LanguageModel): PromiseLike<unknown> =>
      generate(randomModel(1, 20), [1], { strategy: speculative({ draftModel }), maxNewTokens: 2 });
    await expect(Promise.resolve().then(() => run(randomModel(1, 21)))).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("expected a vocabulary of 20 tokens, received 21") as string,
    });
    const same = randomModel(1, 20);
    const shifted = { ...same.tokenizer, encode: (text: string) => same.tokenizer.encode(text).map((id) => id + 1) };
    await expect(Promise.resolve().then(() => run({ ...same, tokenizer: shifted }))).rejects.toThrow(
      'expected "ids 79',
    );
    const renamed = { ...same.tokenizer, decode: (ids: ArrayLike<number>) => `${ids[0] ?? ""}` };
    await expect(Promise.resolve().then(() => run({ ...same, tokenizer: renamed }))).rejects.toThrow(
      "another tokenizer",
    );
  });

  it("refuses options out of range", () => {
    const draftModel = randomModel(1, 20);
    for (const wrong of [{ drafts: 0 }, { drafts: 16 }, { drafts: 1.5 }, { temperature: -1 }])
      expect(() => speculative({ draftModel, ...wrong })).toThrow(
        expect.objectContaining({ code: "invalid-argument" }),
      );
  });
});
