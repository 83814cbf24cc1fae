import { readFile } from "node:fs/promises";
import type { LanguageModel, Strategy } from "@dynamo/core";
import { tableModel, topCandidates } from "@dynamo/core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBans, type BanOptions } from "./bans.js";
import { chiSquaredLimit, twoSampleStatistic } from "./chi-squared.js";
import { headDistribution } from "./head-distribution.js";
import { autoregressive, createRandom, dynamo, generate, speculative, verified } from "./index.js";
import { logitAdjustment } from "./logit-adjustment.js";
import type { SamplingOptions } from "./options.js";

interface Golden {
  readonly prompt: readonly number[];
  readonly text: readonly number[];
  readonly ends: readonly number[];
  readonly logits: readonly number[];
  readonly expected: readonly (readonly [id: number, probability: number])[];
  readonly options: {
    readonly temperature: number;
    readonly top_k: number;
    readonly top_p?: number;
    readonly min_p?: number;
    readonly typical_p?: number;
    readonly min_new_tokens?: number;
    readonly suppress_tokens?: readonly number[];
    readonly begin_suppress_tokens?: readonly number[];
    readonly bad_words_ids?: readonly (readonly number[])[];
    readonly no_repeat_ngram_size?: number;
  };
}

describe("transformers' golden values", () => {
  it("are met by bans, topK, topP, minP and typicalP together, in transformers' order", async () => {
    const file = new URL("./__fixtures__/processors.json", import.meta.url);
    const { cases } = JSON.parse(await readFile(file, "utf8")) as { cases: readonly Golden[] };
    expect(cases.length).toBe(120);
    for (const { prompt, text, ends, logits, expected, options } of cases) {
      const state = {
        context: Int32Array.from([...prompt, ...text]),
        length: prompt.length + text.length,
        promptLength: prompt.length,
        draft: [],
      };
      const adjustment = logitAdjustment(
        {
          minNewTokens: options.min_new_tokens,
          suppressTokens: options.suppress_tokens,
          beginSuppressTokens: options.begin_suppress_tokens,
          badWords: options.bad_words_ids,
          noRepeatNgramSize: options.no_repeat_ngram_size,
        },
        { vocabularySize: logits.length, ends, defaults: {} },
      );
      const given = topCandidates(logits, adjustment?.needed(state, options.top_k) ?? options.top_k);
      const head = adjustment?.apply([[given]], state, options.top_k)[0]?.[0] ?? given;
      const { temperature, top_p: topP, min_p: minP, typical_p: typicalP } = options;
      const { ids, probabilities } = headDistribution(head, { temperature, topP, minP, typicalP });
      expect(Array.from(ids)).toEqual(expected.map(([id]) => id));
      for (const [rank, [, p]] of expected.entries()) expect(probabilities[rank]).toBeCloseTo(p, 6);
    }
  });
});

const size = 12;

function model(seed: number): LanguageModel {
  const next = createRandom(seed);
  const rows = (): Float32Array[] =>
    Array.from({ length: size }, () => Float32Array.from({ length: size }, () => 4 * next()));
  return tableModel({ table: [rows(), rows(), rows()], endOfTextIds: [0], contextLength: 80 });
}

const strategies: Record<string, (model: LanguageModel, options: SamplingOptions) => Strategy> = {
  autoregressive: (_, options) => autoregressive(options),
  dynamo: (_, options) => dynamo({ ...options, backoff: 0, adaptive: false }),
  verified: (_, options) => verified(options),
  speculative: (own, options) => speculative({ ...options, draftModel: own, drafts: 2 }),
  "one of a user's, which takes every head's likeliest": () => ({
    name: "likeliest",
    step: ({ positions: [heads = []] }) => ({ tokens: heads.map(({ ids }) => ids[0] as number) }),
  }),
};

const token = fc.integer({ min: 0, max: size - 1 });
const bans: fc.Arbitrary<BanOptions> = fc.record(
  {
    minNewTokens: fc.integer({ min: 0, max: 12 }),
    suppressTokens: fc.array(token, { maxLength: 3 }),
    beginSuppressTokens: fc.array(token, { maxLength: 3 }),
    badWords: fc.array(fc.array(token, { minLength: 1, maxLength: 3 }), { maxLength: 6 }),
    noRepeatNgramSize: fc.constantFrom(0, 2, 3),
  },
  { requiredKeys: [] },
);

/** Said anew, from the definition. */
function breaks(
  whole: readonly number[],
  at: number,
  promptLength: number,
  options: BanOptions,
  stop: number,
): boolean {
  const {
    minNewTokens = 0,
    suppressTokens = [],
    beginSuppressTokens = [],
    badWords = [],
    noRepeatNgramSize: n = 0,
  } = options;
  const id = whole[at] as number;
  const ends = [0, stop];
  const until = whole.slice(0, at + 1);
  const grams = Array.from({ length: until.length - n + 1 }, (_, i) => until.slice(i, i + n).join());
  return (
    suppressTokens.includes(id) ||
    (at === promptLength && beginSuppressTokens.includes(id)) ||
    (at - promptLength < minNewTokens && ends.includes(id)) ||
    badWords.some(
      (word) =>
        word.length <= until.length &&
        word.join() === until.slice(-word.length).join() &&
        !(word.length === 1 && ends.includes(id)),
    ) ||
    (n > 0 && grams.slice(0, -1).includes(grams.at(-1) as string))
  );
}

for (const [name, strategyOf] of Object.entries(strategies)) {
  describe(`bans with ${name}`, () => {
    it("hold in every text, several tokens per pass included", async () => {
      let several = 0;
      await fc.assert(
        fc.asyncProperty(
          bans,
          fc.nat(1000),
          fc.array(token, { minLength: 1, maxLength: 5 }),
          async (options, seed, prompt) => {
            const own = model(seed);
            const strategy = strategyOf(own, { temperature: 1, topK: 6 });
            const stop = 5;
            const { tokens, statistics } = await generate(own, prompt, {
              ...options,
              strategy,
              seed,
              maxNewTokens: 15,
              stop: { ids: [stop] },
            });
            several += Number(statistics.passes < tokens.length);
            const whole = [...prompt, ...tokens];
            for (let i = prompt.length; i < whole.length; i++)
              expect(breaks(whole, i, prompt.length, options, stop)).toBe(false);
          },
        ),
        { numRuns: 80 },
      );
      expect(several > 25).toBe(name !== "autoregressive");
    });
  });
}

describe("sampling with every option", () => {
  const options: SamplingOptions & BanOptions = { topP: 0.95, minP: 0.05, typicalP: 0.9 };
  const settings = {
    minNewTokens: 2,
    suppressTokens: [3],
    beginSuppressTokens: [1],
    badWords: [
      [2, 4],
      [4, 4],
    ],
    noRepeatNgramSize: 3,
    logitBias: { 2: 0.7 },
    presencePenalty: 0.3,
    maxNewTokens: 4,
  };

  it("is lossless with verified drafting", async () => {
    const own = tableModel({
      table: [1, 2, 3].map((head) => {
        const next = createRandom(head);
        return Array.from({ length: 5 }, () => Float32Array.from({ length: 5 }, () => 3 * next()));
      }),
      endOfTextIds: [0],
    });
    const counts = async (strategy: Strategy): Promise<Map<string, number>> => {
      const seen = new Map<string, number>();
      for (let seed = 0; seed < 5; seed++) {
        const prompts = Array.from({ length: 400 }, () => [2]);
        for (const { tokens } of await generate(own, prompts, { ...settings, strategy, seed }))
          seen.set(tokens.join(), (seen.get(tokens.join()) ?? 0) + 1);
      }
      return seen;
    };
    const sampling = { ...options, temperature: 2, repetitionPenalty: 1.2 };
    const { statistic, outcomes } = twoSampleStatistic(
      await counts(autoregressive(sampling)),
      await counts(verified(sampling)),
    );
    expect(outcomes).toBeGreaterThan(12);
    expect(statistic).toBeLessThan(chiSquaredLimit(outcomes - 1));
  });

  it("leaves greedy decoding alone: topP, minP and typicalP choose among what is sampled", async () => {
    for (let seed = 0; seed < 40; seed++) {
      for (const strategy of [autoregressive, dynamo, verified]) {
        const write = async (more: SamplingOptions): Promise<readonly number[]> =>
          (
            await generate(model(seed), [1], {
              strategy: strategy({ temperature: 0, ...more }),
              seed,
              maxNewTokens: 12,
            })
          ).tokens;
        expect(await write({ topP: 0.3, minP: 0.5, typicalP: 0.2 })).toEqual(await write({}));
      }
    }
  });
});

describe("bans", () => {
  const context = { vocabularySize: 10, ends: [0], defaults: {} };

  it("come from the model where the options say nothing, and an empty option lifts them", async () => {
    const free = model(3);
    const info = { ...free.info, generation: { suppressTokens: [1, 2, 3, 4, 5, 6, 7, 8, 9] } };
    const own = { ...free, info };
    const { tokens } = await generate(own, [1], { seed: 1, maxNewTokens: 20, stopAtEndOfText: false });
    expect(new Set(tokens).size).toBeLessThanOrEqual(3);
    const lifted = await generate(own, [1], { seed: 1, maxNewTokens: 20, suppressTokens: [] });
    expect(lifted.tokens).toEqual((await generate(free, [1], { seed: 1, maxNewTokens: 20 })).tokens);
  });

  it("refuse what is no token, and what leaves none", async () => {
    const refused: [BanOptions, RegExp][] = [
      [{ minNewTokens: -1 }, /minNewTokens must be a whole number of at least 0, received -1/],
      [{ noRepeatNgramSize: 0.5 }, /noRepeatNgramSize must be a whole number/],
      [{ suppressTokens: [12] }, /suppressTokens: token ids run from 0 to 11, received 12/],
      [{ suppressTokens: 3 as never }, /suppressTokens must be a list of token ids, received 3/],
      [{ beginSuppressTokens: ["1" as never] }, /beginSuppressTokens must be a list of token ids/],
      [{ badWords: [[]] }, /badWords must be a list of words, each a list of at least one token id/],
      [{ badWords: [3 as never] }, /badWords must be a list of words/],
      [{ badWords: [[1, 99]] }, /badWords: token ids run from 0 to 11, received 99/],
      [{ suppressTokens: Array.from({ length: size }, (_, id) => id) }, /leaves no token/],
    ];
    for (const [options, message] of refused) expect(() => generate(model(1), [1], options)).toThrow(message);
    expect(createBans({ suppressTokens: [], badWords: [[0]], minNewTokens: 0 }, context)).toBeUndefined();
    const nothing = generate(model(1), [1], {
      badWords: Array.from({ length: size }, (_, id) => [id]),
      stopAtEndOfText: false,
    });
    await expect(nothing).rejects.toThrow(/leave none of the vocabulary/);
  });

  it("fail a strategy whose first token is banned", async () => {
    const stubborn: Strategy = { name: "stubborn", step: () => ({ tokens: [3] }) };
    await expect(generate(model(1), [1], { strategy: stubborn, suppressTokens: [3] })).rejects.toThrow(
      /strategy stubborn: expected one of the candidates, received token 3/,
    );
  });
});
