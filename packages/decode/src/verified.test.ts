import { createNgramCounter } from "@dynamo/cooccurrence";
import type { Cooccurrence, LanguageModel } from "@dynamo/core";
import { tableModel } from "@dynamo/core/testing";
import { describe, expect, it } from "vitest";
import { withConditionalParts } from "./contract-models.js";
import { chiSquaredLimit, twoSampleStatistic } from "./chi-squared.js";
import { autoregressive, createRandom, generate, verified } from "./index.js";

const random = (seed: number): (() => number) => createRandom(seed);

function randomModel(seed: number, size: number, heads: number, cooccurrence?: Cooccurrence): LanguageModel {
  const next = random(seed);
  const table = Array.from({ length: heads }, () =>
    Array.from({ length: size }, () => Float32Array.from({ length: size }, () => 5 * next())),
  );
  return tableModel({ table, contextLength: 80, ...(cooccurrence === undefined ? {} : { cooccurrence }) });
}

function randomMask(seed: number, size: number): Cooccurrence {
  const next = random(seed);
  const counter = createNgramCounter({ order: 3, vocabularySize: size });
  counter.add(Array.from({ length: 400 }, () => Math.floor(size * next())));
  return counter.finish();
}

describe("greedy verified decoding", () => {
  it("is greedy autoregressive decoding, token for token, alone and in a batch", async () => {
    let fewer = 0;
    for (let seed = 0; seed < 150; seed++) {
      const size = 6 + (seed % 20);
      const plain = randomModel(seed, size, 2 + (seed % 3), seed % 2 === 0 ? randomMask(seed, size) : undefined);
      const model = seed % 3 === 2 ? withConditionalParts(plain) : plain;
      const options = { temperature: 0, repetitionPenalty: [1, 1.1, 2][seed % 3] ?? 1 };
      const prompts = [[0], [1, 2, 3], [4, 5]];
      const settings = { seed, maxNewTokens: 30 };
      const expected = await generate(model, prompts, { ...settings, strategy: autoregressive(options) });
      const received = await generate(model, prompts, { ...settings, strategy: verified(options) });
      const alone = await generate(model, [1, 2, 3], { ...settings, strategy: verified(options) });
      expect(received.map(({ tokens }) => tokens)).toEqual(expected.map(({ tokens }) => tokens));
      expect(alone.tokens).toEqual(expected[1]?.tokens);
      fewer += Number((received[0]?.statistics.passes ?? 0) < (expected[0]?.statistics.passes ?? 0));
    }
    // By chance alone some drafts are right.
    expect(fewer).toBeGreaterThan(20);
  });
});

describe("sampled verified decoding", () => {
  for (const [name, penalty, masked, hasParts] of [
    ["plainly", 1, false, false],
    ["with a penalty and a mask", 1.5, true, false],
    ["with a penalty and conditional parts", 1.5, false, true],
  ] as const) {
    it(`has autoregressive decoding's distribution ${name}`, async () => {
      const size = 4;
      const plain = randomModel(11, size, 3, masked ? randomMask(3, size) : undefined);
      const model = hasParts ? withConditionalParts(plain) : plain;
      const samples = 4000;
      const counts = async (strategy: typeof verified | typeof autoregressive): Promise<Map<string, number>> => {
        const seen = new Map<string, number>();
        const settings = {
          strategy: strategy({ temperature: 2, repetitionPenalty: penalty }),
          maxNewTokens: 4,
          seed: 1,
        };
        // Rows of a batch have random streams of their own.
        for (let batch = 0; batch < samples / 400; batch++) {
          const results = await generate(
            model,
            Array.from({ length: 400 }, () => [0]),
            { ...settings, seed: batch },
          );
          for (const { tokens } of results) seen.set(tokens.join(), (seen.get(tokens.join()) ?? 0) + 1);
        }
        return seen;
      };
      const [expected, received] = [await counts(autoregressive), await counts(verified)];
      const { statistic, outcomes } = twoSampleStatistic(expected, received);
      expect(outcomes).toBeGreaterThan(50);
      expect(statistic).toBeLessThan(chiSquaredLimit(outcomes - 1));
    });
  }
});

it("drafts behind the tokens between, whatever a request does to the logits", async () => {
  const accepted: number[] = [];
  // What each head says for itself is nothing; what the token between adds is what head 1 says behind it.
  const size = 12;
  const next = random(5);
  const first = Array.from({ length: size }, () => Float32Array.from({ length: size }, () => 4 * next()));
  const flat = Array.from({ length: size }, () => new Float32Array(size));
  const model = tableModel({ table: [first, flat], contextLength: 80 });
  const knowing = withConditionalParts(model, (between, id) => first[between[0] ?? -1]?.[id] ?? NaN);
  for (const request of [{}, { minNewTokens: 40 }, { logitBias: { 3: 0.5 } }, { logprobs: 3 }]) {
    const settings = { maxNewTokens: 40, seed: 2, ...request };
    const { statistics } = await generate(knowing, [0], {
      ...settings,
      strategy: verified({ temperature: 1, repetitionPenalty: 1.3 }),
    });
    accepted.push(statistics.tokensPerPass);
  }
  // The first pass has no draft to judge: 40 tokens take 21 passes when all are accepted.
  for (const tokensPerPass of accepted) expect(tokensPerPass).toBeGreaterThan(1.8);
});
