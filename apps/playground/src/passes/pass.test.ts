import { tableModel } from "@dynamo/core/testing";
import { dynamo, generate, verified, type Strategy } from "@dynamo/decode";
import { describe, expect, it } from "vitest";
import {
  addPass,
  emptyTally,
  headColumns,
  orderTrace,
  tokensPerPass,
  tokensPerSecond,
  writePasses,
  type Pass,
} from "./pass.js";

const row = (favourite: number): number[] => Array.from({ length: 128 }, (_, id) => (id === favourite ? 8 : id / 64));
/** Head n says: the token n places on. */
const table = [1, 2, 3].map((ahead) => Array.from({ length: 128 }, (_, token) => row((token + ahead) % 128)));

async function passesOf(strategy: Parameters<typeof writePasses>[1]["strategy"]): Promise<Pass[]> {
  const passes: Pass[] = [];
  const options = { prompt: "a", strategy, length: 12, seed: 3 };
  for await (const pass of writePasses(tableModel({ table }), options)) passes.push(pass);
  return passes;
}

describe("recorded passes", () => {
  it("change nothing about the text", async () => {
    for (const strategy of [dynamo({ topK: 5 }), verified({ topK: 5 })]) {
      const passes = await passesOf(strategy);
      const plain = await generate(tableModel({ table }), "a", { strategy, maxNewTokens: 12, seed: 3 });
      expect(passes.flatMap(({ tokens }) => tokens)).toEqual(plain.tokens);
      expect(passes.map(({ text }) => text).join("")).toBe(plain.text);
    }
  });

  it("hold what each step saw", async () => {
    const passes = await passesOf(dynamo({ topK: 5, backoff: 0 }));
    expect(passes[0]?.step.positions[0]?.map(({ ids }) => ids[0])).toEqual([98, 99, 100]);
    expect(passes[1]?.step.context.length).toBe(1 + (passes[0]?.tokens.length ?? 0));
    expect(passes[0]?.step.draws).toHaveLength(1);
    expect(passes[0] === undefined ? undefined : orderTrace(passes[0])?.[0]?.order).toBe(3);
  });

  it("say which head gave each token", async () => {
    for (const strategy of [dynamo({ topK: 5, backoff: 0 }), verified({ topK: 5, temperature: 0 })]) {
      for (const pass of await passesOf(strategy)) {
        const columns = headColumns(pass);
        expect(columns.map(({ token }) => token).filter((token) => token !== undefined)).toEqual(pass.tokens);
        for (const { token, candidates } of columns) if (token !== undefined) expect(candidates.ids).toContain(token);
      }
    }
  });

  it("are those of an instance of a class, too, with what it keeps for each text", async () => {
    const ended: number[] = [];
    class Own {
      readonly #name = "own";
      readonly #token = 98;
      get name(): string {
        return this.#name;
      }
      begin(): { steps: number } {
        return { steps: 0 };
      }
      step({ state }: { state: { steps: number } }): { tokens: number[] } {
        state.steps++;
        return { tokens: [this.#token] };
      }
      end({ steps }: { steps: number }): void {
        ended.push(steps);
      }
    }
    const passes = await passesOf(new Own() as Strategy);
    expect([passes.length, ended, passes[0]?.tokens]).toEqual([12, [12], [98]]);
  });

  it("tell DynaMo's trace from another strategy's", async () => {
    const [pass] = await passesOf({ name: "own", step: () => ({ tokens: [98], trace: ["anything", null] }) });
    expect(pass === undefined ? "none" : orderTrace(pass)).toBeUndefined();
  });
});

describe("a tally", () => {
  it("counts tokens, passes, time and orders", () => {
    const passes = [
      { tokens: [1, 2, 3], order: 3, seconds: 0.5 },
      { tokens: [4], order: 1, seconds: 0.5 },
    ];
    const tally = passes.reduce(addPass, emptyTally);
    expect(tally).toEqual({ tokens: 4, passes: 2, seconds: 1, orders: { 1: 1, 3: 1 } });
    expect([tokensPerPass(tally), tokensPerSecond(tally)]).toEqual([2, 4]);
    expect([tokensPerPass(emptyTally), tokensPerSecond(emptyTally)]).toEqual([0, 0]);
  });
});
