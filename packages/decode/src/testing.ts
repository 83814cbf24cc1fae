/** @dynamo/decode/testing: a contract suite for any strategy, and the runner of golden vectors. */
import { tableModel } from "@dynamo/core/testing";
import type { LanguageModel, Strategy } from "@dynamo/core";
import { generate } from "./generate.js";
import type { Generation, GenerationResult } from "./generation.js";
import { createRandom } from "./random.js";

export { runVectors } from "./vectors.js";
export type { VectorReport } from "./vectors.js";

/** The part of a test library that the suite needs: vitest's and jest's functions fit. */
export interface TestApi {
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => Promise<void> | void) => void;
  readonly expect: (value: unknown) => { toEqual(expected: unknown): void; toBe(expected: unknown): void };
}

/** A model of random logits: three heads, 40 tokens, token 0 ends a text. */
export function randomModel(seed: number): LanguageModel {
  const random = createRandom(seed);
  const table = Array.from({ length: 3 }, () =>
    Array.from({ length: 40 }, () => Float32Array.from({ length: 40 }, (_, id) => (id === 0 ? -4 : 6 * random() - 3))),
  );
  return tableModel({ table, contextLength: 64, endOfTextIds: [0] });
}

/**
 * What every strategy must keep, run through generate() on small random models: call it inside a test file with your test
 * library's functions and a maker of fresh strategies.
 */
export function strategyContract(name: string, makeStrategy: () => Strategy, { describe, it, expect }: TestApi): void {
  const seeds = Array.from({ length: 20 }, (_, seed) => seed);
  const run = (
    seed: number,
    prompts: readonly (readonly number[])[],
    maxNewTokens = 20,
  ): Generation<GenerationResult[]> =>
    generate(randomModel(seed), prompts, { strategy: makeStrategy(), seed, maxNewTokens });

  describe(`${name} keeps the strategy contract`, () => {
    it("ends with the tokens asked for, or at an end of text", async () => {
      for (const seed of seeds) {
        for (const { tokens, finishReason } of await run(seed, [[5, 6, 7]])) {
          expect(tokens.length <= 20).toBe(true);
          if (finishReason === "length") expect(tokens.length).toBe(20);
          else expect(tokens.at(-1)).toBe(0);
        }
      }
    });

    it("gives the same tokens for the same seed", async () => {
      for (const seed of seeds) expect(tokensOf(await run(seed, [[1]]))).toEqual(tokensOf(await run(seed, [[1]])));
    });

    it("gives a prompt the same tokens alone and in a batch", async () => {
      for (const seed of seeds) {
        const together = tokensOf(await run(seed, [[3, 4], [9], [8, 7, 6, 5]]));
        expect(together[0]).toEqual(tokensOf(await run(seed, [[3, 4]]))[0]);
      }
    });

    it("changes nothing of what it is given", async () => {
      const strategy = makeStrategy();
      const frozen: Strategy = {
        ...strategy,
        async step(input) {
          const before = JSON.stringify(input);
          const output = await strategy.step(input);
          expect(JSON.stringify(input)).toBe(before);
          return output;
        },
      };
      await generate(randomModel(1), [2, 3], { strategy: frozen, seed: 1, maxNewTokens: 10 });
    });

    it("emits a last single token when only one is left", async () => {
      for (const seed of seeds) expect(tokensOf(await run(seed, [[1, 2]], 1))[0]?.length).toBe(1);
    });
  });
}

const tokensOf = (results: readonly GenerationResult[]): (readonly number[])[] => results.map(({ tokens }) => tokens);
