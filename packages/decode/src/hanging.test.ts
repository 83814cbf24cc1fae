/** Strategies that never answer, answer late, or keep something for a text. */
import { DynamoError, type Strategy, type StepInput } from "@dynamo/core";
import { tableModel } from "@dynamo/core/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { generate, startDecoding, type GenerationChunk } from "./index.js";

const model = tableModel({ table: [Array.from({ length: 8 }, () => [1, 2, 3, 4, 5, 6, 7, 8])], endOfTextIds: [0] });
const never = new Promise<never>(() => undefined);

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "fulfilled",
    (error: unknown) => (DynamoError.is(error) ? error.code : String(error)),
  );

const unhandled: unknown[] = [];
const note = (reason: unknown): number => unhandled.push(reason);
beforeEach(() => process.on("unhandledRejection", note));
afterEach(async () => {
  // Node tells of unhandled rejections when the microtasks are done.
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", note);
  expect(unhandled.splice(0)).toEqual([]);
});

describe("a strategy that never answers", () => {
  it("ends with its generation's signal, which it is given, alone and in a batch", async () => {
    for (const prompts of [[[1]], [[1], [2], [3]]]) {
      const seen: AbortSignal[] = [];
      const controller = new AbortController();
      const strategy: Strategy = {
        name: "hanging",
        step({ signal, context }) {
          seen.push(signal);
          return context.length < 3 || context[0] === 1 ? never : { tokens: [2] };
        },
      };
      const generation = generate(model, prompts, { strategy, signal: controller.signal });
      const result = codeOf(generation);
      await expect.poll(() => seen.length).toBe(prompts.length);
      expect(seen.some((signal) => signal.aborted)).toBe(false);
      controller.abort(new Error("enough"));
      expect(await result).toBe("aborted");
      await generation.catch((error: unknown) => {
        expect(error).toMatchObject({ cause: new Error("enough") });
      });
      expect(seen.every((signal) => signal.aborted)).toBe(true);
    }
  });

  it("is left by a decoding that is cancelled", async () => {
    const decoding = startDecoding(model, [1], { strategy: { name: "hanging", step: () => never } });
    const step = codeOf(decoding.step([[candidates]]));
    decoding.cancel();
    expect([await step, decoding.finishReason]).toEqual(["aborted", "cancelled"]);
    expect(await codeOf(decoding.step([[candidates]]))).toBe("aborted");
  });

  it("is not asked at all when the signal has fired before", async () => {
    const strategy: Strategy = { name: "none", step: () => expect.unreachable() };
    const options = { strategy, signal: AbortSignal.abort() };
    expect(await codeOf(generate(model, [1], options))).toBe("aborted");
    expect(await codeOf(startDecoding(model, [1], options).step([[candidates]]))).toBe("aborted");
  });
});

describe("what comes late", () => {
  it("is dropped: an answer, an error, and an error for its own signal", async () => {
    for (const late of ["answer", "error", "abort"]) {
      const controller = new AbortController();
      let settle = (): void => undefined;
      const strategy: Strategy = {
        name: "late",
        step: ({ signal }) =>
          new Promise((resolve, reject) => {
            settle = () => {
              if (late === "answer") resolve({ tokens: [1] });
              else reject(new Error("late"));
            };
            if (late === "abort") signal.addEventListener("abort", () => settle());
            else queueMicrotask(() => controller.abort());
          }),
      };
      const generation = generate(model, [1], { strategy, signal: controller.signal });
      const result = codeOf(generation);
      await Promise.resolve();
      if (late === "abort") setImmediate(() => controller.abort());
      expect(await result).toBe("aborted");
      settle();
    }
  });
});

describe("what a strategy keeps for a text", () => {
  interface Kept {
    readonly prompt: number[];
    steps: number;
    ended: number;
  }
  const keeping = (
    step: (input: StepInput<Kept>) => ReturnType<Strategy["step"]>,
    more: Partial<Strategy<Kept>> = {},
  ): { strategy: Strategy; texts: Kept[] } => {
    const texts: Kept[] = [];
    const strategy: Strategy<Kept> = {
      name: "keeping",
      begin(prompt) {
        const kept = { prompt: Array.from(prompt), steps: 0, ended: 0 };
        texts.push(kept);
        return kept;
      },
      step(input) {
        expect(input.state.ended).toBe(0);
        input.state.steps++;
        return step(input);
      },
      end: (kept) => {
        kept.ended++;
      },
      ...more,
    };
    return { strategy, texts };
  };

  it("is begun with the prompt, given to every step of its text, and ended once", async () => {
    const lengths: number[] = [];
    const { strategy, texts } = keeping(({ promptLength }) => {
      lengths.push(promptLength);
      return { tokens: [5] };
    });
    await generate(model, [[1, 2], [3]], { strategy, maxNewTokens: 3 });
    expect(texts).toEqual([
      { prompt: [1, 2], steps: 3, ended: 1 },
      { prompt: [3], steps: 3, ended: 1 },
    ]);
    expect(lengths).toEqual([2, 1, 2, 1, 2, 1]);
  });

  it("is ended once by an end of text, a reader who leaves, a signal, a fault and a fault elsewhere", async () => {
    const ended = async (
      run: (strategy: Strategy) => Promise<unknown>,
      own = keeping(() => ({ tokens: [5] })),
    ): Promise<number[]> => {
      await run(own.strategy).catch(() => undefined);
      return own.texts.map((kept) => kept.ended);
    };
    const options = { maxNewTokens: 20 };
    expect(
      await ended(
        (strategy) => generate(model, [1], { strategy }),
        keeping(() => ({ tokens: [0] })),
      ),
    ).toEqual([1]);
    expect(
      await ended(async (strategy) => {
        for await (const chunk of generate(model, [[1], [2]], { ...options, strategy })) if (chunk.pass === 1) break;
      }),
    ).toEqual([1, 1]);
    const controller = new AbortController();
    expect(
      await ended(
        (strategy) => generate(model, [[1], [2]], { ...options, strategy, signal: controller.signal }),
        keeping(({ state }) => {
          if (state.steps === 3) controller.abort();
          return state.steps === 3 ? never : { tokens: [5] };
        }),
      ),
    ).toEqual([1, 1]);
    const fault = keeping(({ state }) => {
      if (state.steps === 2) throw new Error("no");
      return { tokens: [5] };
    });
    expect(await ended((strategy) => generate(model, [[1], [2]], { ...options, strategy }), fault)).toEqual([1, 1]);
    const nonsense = keeping(() => ({ tokens: [99] }));
    expect(await ended((strategy) => generate(model, [1], { ...options, strategy }), nonsense)).toEqual([1]);
    const broken = { ...model, forward: (): Promise<never> => Promise.reject(new Error("gone")) };
    const two = keeping(() => ({ tokens: [5] }));
    expect(await ended((strategy) => generate(broken, [1], { ...options, strategy }), two)).toEqual([]);
  });

  it("is not ended when beginning it has failed, and an end that fails or hangs is the strategy's fault", async () => {
    let ends = 0;
    const end = (): void => {
      ends++;
    };
    const begin = (): never => {
      throw new Error("no room");
    };
    const run = (more: Partial<Strategy>, signal?: AbortSignal): Promise<unknown> =>
      generate(model, [1], {
        maxNewTokens: 2,
        strategy: { name: "odd", step: () => ({ tokens: [1] }), ...more },
        signal,
      });
    await expect(run({ begin, end })).rejects.toThrow("strategy odd threw: no room");
    expect(ends).toBe(0);
    await expect(run({ begin: () => 1, end: begin })).rejects.toMatchObject({ code: "strategy" });
    await expect(run({ begin: () => 1, end: () => Promise.reject(new Error("late")) })).rejects.toThrow("late");
    const controller = new AbortController();
    const hanging = codeOf(run({ begin: () => 1, end: () => (setImmediate(() => controller.abort()), never) }, controller.signal)); // prettier-ignore
    expect(await hanging).toBe("aborted");
    const chunks: GenerationChunk[] = [];
    const failing: Strategy = { name: "odd", step: () => ({ tokens: [1] }), begin: () => 1, end: begin };
    for await (const chunk of generate(model, [1], { strategy: failing })) {
      chunks.push(chunk);
      // Who leaves is not told of it.
      break;
    }
    expect(chunks).toHaveLength(1);
  });
});

describe("a generation is a promise", () => {
  it("with catch and finally, that starts when it is asked", async () => {
    const { passes } = model;
    const generation = generate(model, [1], { maxNewTokens: 2 });
    await Promise.resolve();
    expect(model.passes).toBe(passes);
    let settled = 0;
    const result = await generation.finally(() => {
      settled++;
    });
    expect([settled, result.tokens.length, await generation.catch(() => "failed")]).toEqual([1, 2, result]);
    expect(Object.prototype.toString.call(generation)).toBe("[object Generation]");
    expect(await Promise.all([generation, Promise.race([generation])])).toEqual([result, result]);
  });

  it("whose rejection is its reader's: through catch, through finally, or in the loop alone", async () => {
    const strategy: Strategy = { name: "odd", step: () => ({ tokens: [] }) };
    const failing = (): ReturnType<typeof generate> => generate(model, [1], { strategy });
    expect(await failing().catch((error: unknown) => (error as Error).message)).toMatch(/at least one token/);
    await expect(failing().finally(() => undefined)).rejects.toMatchObject({ code: "strategy" });
    const loop = async (): Promise<void> => {
      for await (const _ of failing());
    };
    await expect(loop()).rejects.toMatchObject({ code: "strategy" });
  });
});

const candidates = { ids: Int32Array.of(1), logits: Float32Array.of(0), logSumExp: 0 };
