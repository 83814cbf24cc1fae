/** @dynamo/decode/testing: a contract suite for any strategy, and the runner of golden vectors. */
import type { LanguageModel, Strategy } from "@dynamo/core";
import { contradicting, randomModel } from "./contract-models.js";
import { startDecoding } from "./decoding.js";
import { generate } from "./generate.js";
import type { GenerateOptions, Generation, GenerationResult } from "./generation.js";
import { lossOf, type LosslessSampling } from "./lossless-check.js";
import { forwardRows, startRow, stepRows } from "./rows.js";
import { withStep } from "./with-step.js";

export { randomModel } from "./contract-models.js";
export type { LosslessSampling } from "./lossless-check.js";
export { runVectors } from "./vectors.js";
export type { VectorReport } from "./vectors.js";

/** The part of a test library that the suite needs: vitest's and jest's functions fit. */
export interface TestApi {
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => Promise<void> | void) => void;
  readonly expect: (value: unknown) => { toEqual(expected: unknown): void; toBe(expected: unknown): void };
}

/** Options of the contract's tests. */
export interface ContractOptions {
  /**
   * For a `lossless` strategy that samples otherwise than the model's folder recommends (`input.defaults`): with what.
   */
  readonly sampling?: LosslessSampling | undefined;
}

const seeds = Array.from({ length: 8 }, (_, seed) => seed);
const prompts: readonly (readonly number[])[] = [[3, 4], [9], [8, 7, 6, 5]];

/**
 * What every strategy must keep, run on small random models: call it inside a test file with your test library's functions
 * and a maker of fresh strategies.
 */
export function strategyContract(
  name: string,
  makeStrategy: () => Strategy,
  { describe, it, expect }: TestApi,
  { sampling }: ContractOptions = {},
): void {
  describe(`${name} keeps the strategy contract`, () => {
    it("ends with the tokens asked for, or at an end of text", async () => {
      for (const seed of seeds) {
        for (const { tokens, finishReason } of await write(makeStrategy(), seed, [[5, 6, 7]])) {
          expect(tokens.length <= 20).toBe(true);
          if (finishReason === "length") expect(tokens.length).toBe(20);
          else expect(tokens.at(-1)).toBe(0);
        }
      }
    });

    it("emits a last single token when only one is left", async () => {
      for (const seed of seeds)
        expect(tokensOf(await write(makeStrategy(), seed, [[1, 2]], { maxNewTokens: 1 }))[0]?.length).toBe(1);
    });

    it("gives the same tokens for the same seed", async () => {
      for (const seed of seeds) {
        const first = tokensOf(await write(makeStrategy(), seed, [[1]]));
        expect(tokensOf(await write(makeStrategy(), seed, [[1]]))).toEqual(first);
      }
    });

    it("keeps nothing from text to text", async () => {
      const used = makeStrategy();
      for (const seed of seeds) {
        const fresh = tokensOf(await write(makeStrategy(), seed, [[1]]));
        expect(tokensOf(await write(used, seed, [[1]]))).toEqual(fresh);
      }
      const atOnce = await Promise.all(seeds.map((seed) => write(used, seed, [[2, seed]])));
      for (const [seed, texts] of atOnce.entries())
        expect(tokensOf(texts)).toEqual(tokensOf(await write(makeStrategy(), seed, [[2, seed]])));
    });

    it("gives each prompt of a batch the tokens that it has alone", async () => {
      for (const seed of seeds) {
        const together = tokensOf(await write(makeStrategy(), seed, prompts));
        for (const [index, prompt] of prompts.entries())
          expect(together[index]).toEqual(await writeAlone(makeStrategy(), seed, prompt, index));
      }
    });

    it("changes nothing of what it is given", async () => {
      const strategy = makeStrategy();
      const watched = withStep(strategy, async (input) => {
        const { state: _, signal: __, ...given } = input;
        const before = JSON.stringify(given);
        const output = await strategy.step(input);
        expect(JSON.stringify(given)).toBe(before);
        return output;
      });
      await generate(randomModel(1), [2, 3], { strategy: watched, seed: 1, maxNewTokens: 20 });
    });

    it("accepts no draft that head 1 does not give", async () => {
      for (const seed of seeds) {
        const strategy = makeStrategy();
        let accepted = 0;
        const watched = withStep(strategy, async (input) => {
          const output = await strategy.step(input);
          accepted += output.accepted ?? 0;
          return output;
        });
        await write(watched, seed, [[1, 2]], {}, contradicting(randomModel(seed)));
        expect(accepted).toBe(0);
      }
    });

    it("writes head 1's text, if it says that it is lossless", async () => {
      if (makeStrategy().lossless === true) expect(await lossOf(makeStrategy, sampling)).toBe(undefined);
    });
  });
}

const write = (
  strategy: Strategy,
  seed: number,
  given: readonly (readonly number[])[],
  { maxNewTokens = 20 }: GenerateOptions = {},
  model = randomModel(seed),
): Generation<GenerationResult[]> => generate(model, given, { strategy, seed, maxNewTokens });

/** A batch's row without the batch: its random stream is that of its place. */
async function writeAlone(
  strategy: Strategy,
  seed: number,
  prompt: readonly number[],
  index: number,
): Promise<readonly number[]> {
  const model: LanguageModel = randomModel(seed);
  const row = startRow(startDecoding(model, prompt, { strategy, seed, maxNewTokens: 20 }, index));
  const cache = await model.createCache({ rows: 1 });
  while (row.decoding.finishReason === undefined) {
    const [step] = await stepRows(cache, [row], await forwardRows(model, cache, [row]));
    if (step !== undefined && "error" in step) throw step.error;
  }
  return row.decoding.progress.tokens;
}

const tokensOf = (results: readonly GenerationResult[]): (readonly number[])[] => results.map(({ tokens }) => tokens);
