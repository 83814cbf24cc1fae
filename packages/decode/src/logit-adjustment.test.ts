import type { Candidates, LanguageModel } from "@dynamo/core";
import { tableModel } from "@dynamo/core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { autoregressive } from "./autoregressive.js";
import { generate } from "./generate.js";
import { logitAdjustment, type AdjustmentOptions } from "./logit-adjustment.js";
import { createRandom } from "./random.js";
import { verified } from "./verified.js";

const vocabularySize = 40;
const context = { vocabularySize, ends: [], defaults: {} };

const adjustments = fc.record(
  {
    logitBias: fc.dictionary(fc.nat(vocabularySize - 1).map(String), fc.constantFrom(-100, -1, 0, 0.5, 100), {
      maxKeys: 5,
    }),
    presencePenalty: fc.constantFrom(-2, 0, 0.6, 2),
    frequencyPenalty: fc.constantFrom(-0.5, 0, 0.3, 2),
  },
  { requiredKeys: [] },
);

const logitsOf = (seed: number): Float32Array => {
  const random = createRandom(seed);
  return Float32Array.from({ length: vocabularySize }, () => Math.round(random() * 40) / 10);
};

/** The best of all logits: descending, ties by lower id. */
function bestOf(logits: ArrayLike<number>, topK: number): Candidates {
  const ids = Array.from(logits, (_, id) => id)
    .sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b)
    .slice(0, topK);
  return { ids: Int32Array.from(ids), logits: Float32Array.from(ids, (id) => logits[id] as number), logSumExp: 0 };
}

describe("a logit adjustment", () => {
  it("finds among the candidates it asks for what the whole vocabulary would give", () => {
    fc.assert(
      fc.property(
        adjustments,
        fc.integer({ min: 1, max: 1e6 }),
        fc.integer({ min: 1, max: 10 }),
        fc.array(fc.nat(vocabularySize - 1), { maxLength: 12 }),
        fc.array(fc.nat(vocabularySize - 1), { maxLength: 3 }),
        (options, seed, topK, text, drafted) => {
          const adjustment = logitAdjustment(options, context);
          if (adjustment === undefined) return;
          adjustment.count(text);
          const logits = logitsOf(seed);
          const draft = drafted.map((token) => ({ token }));
          const state = { context: Int32Array.from(text), length: text.length, promptLength: 0, draft };
          const given = bestOf(logits, adjustment.needed(state, topK));
          const positions = adjustment.apply(new Array(draft.length + 1).fill([given]), state, topK);
          for (const [i, [head]] of positions.entries()) {
            const before = [...text, ...drafted.slice(0, i)];
            const whole = logits.map((logit, id) => logit - penaltyOf(options, id, before));
            const reached = bestOf(whole, topK).ids.filter((id) => (whole[id] as number) >= Math.max(...whole) - 64);
            expect(head?.ids).toEqual(reached);
          }
        },
      ),
    );
  });

  it("refuses what is no token or no number", () => {
    const refused: [AdjustmentOptions, RegExp][] = [
      [{ logitBias: { 40: 1 } }, /0 to 39, received 40/],
      [{ logitBias: { ["x" as unknown as number]: 1 } }, /received x/],
      [{ logitBias: { 3: Number.NaN } }, /token 3 must be a finite number, received NaN/],
      [{ presencePenalty: Infinity }, /presencePenalty must be a finite number/],
      [{ frequencyPenalty: Number.NaN }, /frequencyPenalty must be a finite number/],
    ];
    for (const [options, message] of refused) expect(() => logitAdjustment(options, context)).toThrow(message);
    expect(logitAdjustment({ logitBias: { 3: 0 }, presencePenalty: 0 }, context)).toBeUndefined();
  });
});

function penaltyOf(options: AdjustmentOptions, id: number, text: readonly number[]): number {
  const { logitBias = {}, presencePenalty = 0, frequencyPenalty = 0 } = options;
  const times = text.filter((token) => token === id).length;
  return (times > 0 ? presencePenalty : 0) + times * frequencyPenalty - (logitBias[id] ?? 0);
}

describe("generate with an adjustment", () => {
  const rows = (head: number): number[][] =>
    Array.from({ length: vocabularySize }, (_, token) => [...logitsOf(1000 * head + token + 1)]);
  const model = (): LanguageModel => tableModel({ table: [rows(1), rows(2), rows(3)] });
  const prompt = [1];

  it("never writes a banned token, and only the forced one", async () => {
    const strategy = (): ReturnType<typeof verified> => verified({ temperature: 1, topK: 5 });
    const { tokens } = await generate(model(), prompt, { strategy: strategy(), maxNewTokens: 60, seed: 1 });
    const [banned] = tokens as [number];
    const without = await generate(model(), prompt, {
      strategy: strategy(),
      maxNewTokens: 60,
      seed: 1,
      logitBias: { [banned]: -100 },
    });
    expect(without.tokens).not.toContain(banned);
    const forced = await generate(model(), prompt, { strategy: strategy(), maxNewTokens: 20, logitBias: { 7: 100 } });
    expect(new Set(forced.tokens)).toEqual(new Set([7]));
  });

  it("penalises what the text has: verified drafting or not, greedily the same text", async () => {
    for (const penalties of [{ presencePenalty: 1.5 }, { frequencyPenalty: 0.7 }, { presencePenalty: -1 }]) {
      const options = { maxNewTokens: 40, ...penalties };
      const write = async (strategy: ReturnType<typeof verified>): Promise<readonly number[]> =>
        (await generate(model(), prompt, { ...options, strategy })).tokens;
      const plain = await write(autoregressive({ temperature: 0, repetitionPenalty: 1, topK: 5 }));
      expect(await write(verified({ temperature: 0, repetitionPenalty: 1, topK: 5 }))).toEqual(plain);
      const free = await generate(model(), prompt, {
        strategy: autoregressive({ temperature: 0, repetitionPenalty: 1 }),
        maxNewTokens: 40,
      });
      // The text repeats itself, as small models do: what raises repetition leaves it so.
      expect(plain.join() === free.tokens.join()).toBe(penalties.presencePenalty === -1);
    }
  });
});
