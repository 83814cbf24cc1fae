import { DynamoError, type LanguageModel, type Strategy } from "@dynamo/core";
import { tableModel } from "@dynamo/core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { autoregressive, createRandom, dynamo, generate, verified, type GenerationChunk } from "./index.js";

const vocabularySize = 128;

/** Letters follow each other at random, but for good: head n looks n letters ahead. */
function model(seed = 1, options: Partial<Parameters<typeof tableModel>[0]> = {}): ReturnType<typeof tableModel> {
  const random = createRandom(seed);
  const table = Array.from({ length: 3 }, () =>
    Array.from({ length: vocabularySize }, () =>
      Float32Array.from({ length: vocabularySize }, (_, id) =>
        id >= 97 && id < 107 ? 8 * random() : id === 10 ? 7 : -8,
      ),
    ),
  );
  return tableModel({ table, contextLength: 100, endOfTextIds: [10], ...options });
}

const collect = async (chunks: AsyncIterable<GenerationChunk>): Promise<GenerationChunk[]> => {
  const all: GenerationChunk[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
};

describe("generate", () => {
  it("streams the same text, tokens and passes that it returns", async () => {
    for (const strategy of [autoregressive(), dynamo(), verified()]) {
      const generation = generate(model(), "abc", { strategy, seed: 7, maxNewTokens: 30 });
      const chunks = await collect(generation);
      const result = await generation;
      expect(chunks.map(({ text }) => text).join("")).toBe(result.text);
      expect(chunks.flatMap(({ tokens }) => tokens)).toEqual(result.tokens);
      expect(result.statistics).toMatchObject({ promptTokens: 3, tokens: result.tokens.length, passes: chunks.length });
      expect(result.statistics.tokensPerPass).toBeCloseTo(result.tokens.length / chunks.length);
      expect(Object.values(result.statistics.orders).reduce((a, b) => a + b, 0)).toBe(chunks.length);
      expect(result.statistics.seconds.total).toBeGreaterThanOrEqual(result.statistics.seconds.model);
    }
  });

  it("gives the same text awaited as iterated, and the seed that made it", async () => {
    const first = await generate(model(), "abc", { maxNewTokens: 20 });
    const again = generate(model(), "abc", { maxNewTokens: 20, seed: first.seed });
    await collect(again);
    expect((await again).text).toBe(first.text);
  });

  it("decodes what follows in the prompt's context, begin-of-text included", async () => {
    const inner = model(1, { beginOfTextId: 1 });
    const prompts: number[][] = [];
    const stream: typeof inner.tokenizer.stream = (prompt = []) => {
      prompts.push(Array.from(prompt));
      return inner.tokenizer.stream(prompt);
    };
    await generate({ ...inner, tokenizer: { ...inner.tokenizer, stream } }, "abc", { maxNewTokens: 2 });
    expect(prompts).toEqual([[1, 97, 98, 99]]);
  });

  it("names untrained heads that the strategy uses", async () => {
    const inner = model();
    const untrained: LanguageModel = { ...inner, info: { ...inner.info, untrainedHeads: [2, 3] } };
    const warningsOf = async (strategy: Strategy): Promise<readonly string[]> =>
      (await generate(untrained, "a", { strategy, maxNewTokens: 2 })).warnings;
    expect(await warningsOf(dynamo())).toEqual([expect.stringMatching(/^token heads 2, 3 were never trained/)]);
    expect(await warningsOf(dynamo({ tokenHeads: 2 }))).toEqual([expect.stringMatching(/^token head 2 was never/)]);
    expect(await warningsOf(autoregressive())).toEqual([]);
  });

  it("runs once", async () => {
    const generation = generate(model(), "abc", { maxNewTokens: 3, seed: 1 });
    await generation;
    await expect(collect(generation)).rejects.toThrow(/runs once/);
  });

  it("frees its cache when the consumer leaves, when it is aborted, and when it ends", async () => {
    const watched = (): { model: LanguageModel; open: () => number } => {
      let open = 0;
      const inner = model();
      const createCache: LanguageModel["createCache"] = async (options) => {
        const cache = await inner.createCache(options);
        open++;
        const dispose = (): Promise<void> => {
          open--;
          return Promise.resolve();
        };
        return { ...cache, lengths: cache.lengths, dispose };
      };
      return { model: { ...inner, createCache, forward: (...args) => inner.forward(...args) }, open: () => open };
    };
    const left = watched();
    const generation = generate(left.model, "abc", { maxNewTokens: 50, seed: 1, stopAtEndOfText: false });
    for await (const chunk of generation) if (chunk.pass === 2) break;
    expect([left.open(), (await generation).finishReason]).toEqual([0, "cancelled"]);

    const aborted = watched();
    const controller = new AbortController();
    const stopping = async (): Promise<void> => {
      for await (const chunk of generate(aborted.model, "abc", {
        maxNewTokens: 50,
        seed: 1,
        stopAtEndOfText: false,
        signal: controller.signal,
      })) {
        if (chunk.pass === 2) controller.abort();
      }
    };
    await expect(stopping()).rejects.toMatchObject({ code: "aborted" });
    expect(aborted.open()).toBe(0);

    const ended = watched();
    await generate(ended.model, "abc", { maxNewTokens: 5, seed: 1 });
    expect(ended.open()).toBe(0);
  });

  it("gives a row of a batch the text that it has in any other batch", async () => {
    for (const strategy of [autoregressive, dynamo, verified]) {
      const options = { strategy: strategy(), seed: 5, maxNewTokens: 25 };
      const together = await generate(model(), ["abc", "j", "fedcba"], options);
      const others = await generate(model(), ["abc", "aaaaaaa", "fedcba", "b"], options);
      expect([together[0]?.tokens, together[2]?.tokens]).toEqual([others[0]?.tokens, others[2]?.tokens]);
      const [alone] = await generate(model(), ["abc"], options);
      expect(alone?.tokens).toEqual(together[0]?.tokens);
    }
  });

  it("ends at an end-of-text token, which is no part of the text", async () => {
    const results = await generate(model(3), ["abc", "d", "e", "f", "g"], {
      strategy: dynamo({ backoff: 0.1 }),
      seed: 2,
      maxNewTokens: 90,
    });
    const ended = results.filter(({ finishReason }) => finishReason === "end-of-text");
    expect(ended.length).toBeGreaterThan(0);
    for (const { tokens, text } of ended)
      expect([tokens.at(-1), tokens.indexOf(10), text.includes("\n")]).toEqual([10, tokens.length - 1, false]);
    const on = await generate(model(3), "abc", { seed: 2, maxNewTokens: 90, stopAtEndOfText: false });
    expect(on.tokens.length).toBe(90);
  });

  it("ends where a stop string comes first, across tokens and passes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(1000),
        fc.array(fc.stringMatching(/^[a-j]{1,3}$/), { minLength: 1, maxLength: 3 }),
        async (seed, strings) => {
          const options = { seed, maxNewTokens: 40, stopAtEndOfText: false, strategy: dynamo({ backoff: 0.3 }) };
          const whole = await generate(model(), "abc", options);
          const stopped = await generate(model(), "abc", { ...options, stop: { strings } });
          const places = strings.map((text) => whole.text.indexOf(text)).filter((at) => at >= 0);
          const end = places.length === 0 ? whole.text.length : Math.min(...places);
          expect(stopped.text).toBe(whole.text.slice(0, end));
          expect(stopped.finishReason).toBe(places.length === 0 ? "length" : "stop");
        },
      ),
      { numRuns: 60 },
    );
  });

  it("ends at a stop id", async () => {
    const result = await generate(model(), "abc", {
      seed: 1,
      maxNewTokens: 90,
      stop: { ids: [97, 98, 99] },
      stopAtEndOfText: false,
    });
    expect(result.finishReason).toBe("stop");
    expect([97, 98, 99]).toContain(result.tokens.at(-1));
  });

  it("fills the context and no more", async () => {
    for (const strategy of [autoregressive(), dynamo(), verified()]) {
      const result = await generate(model(), "a".repeat(80), {
        strategy,
        seed: 1,
        maxNewTokens: 500,
        stopAtEndOfText: false,
      });
      expect([result.tokens.length, result.finishReason]).toEqual([20, "length"]);
    }
  });

  it("tells log-probabilities of tokens and of alternatives", async () => {
    for (const strategy of [autoregressive(), dynamo({ backoff: 0.1 }), verified()]) {
      const { logprobs = [], tokens } = await generate(model(), "abc", {
        strategy,
        seed: 1,
        maxNewTokens: 12,
        logprobs: 3,
      });
      expect(logprobs.map(({ token }) => token)).toEqual(tokens);
      for (const { logprob, top, head } of logprobs) {
        expect(logprob).toBeLessThanOrEqual(0);
        expect([top.length, head >= 1 && head <= 3]).toEqual([3, true]);
        expect(top.every(({ logprob: other }, i) => i === 0 || other <= (top[i - 1]?.logprob ?? 0))).toBe(true);
      }
    }
  });

  it("puts the model's begin-of-text token first, once", async () => {
    const fed: number[][] = [];
    const inner = model(1, { beginOfTextId: 2 });
    const watched: LanguageModel = {
      ...inner,
      forward(cache, feeds, options) {
        fed.push(...feeds.map(({ tokens }) => Array.from(tokens)));
        return inner.forward(cache, feeds, options);
      },
    };
    for (const [prompt, beginOfText] of [
      ["ab", true],
      ["\u0002ab", true],
      ["ab", false],
      [Int32Array.of(2), true],
    ] as const) {
      await generate(watched, prompt, { maxNewTokens: 1, seed: 1, beginOfText });
    }
    expect(fed).toEqual([[2, 97, 98], [2, 97, 98], [97, 98], [2]]);
  });
});

describe("generate refuses", () => {
  const codeOf = async (run: () => PromiseLike<unknown>): Promise<string> => {
    try {
      await run();
    } catch (error) {
      return DynamoError.is(error) ? `${error.code}: ${error.message}` : `not a DynamoError: ${String(error)}`;
    }
    return "nothing";
  };

  it("prompts and options that cannot be", async () => {
    for (const prompt of ["", new Int32Array()])
      for (const begin of [{}, { beginOfTextId: 2 }])
        expect(await codeOf(() => generate(model(1, begin), prompt))).toMatch(/invalid-argument: the prompt is empty/);
    expect(await codeOf(() => generate(model(), "a".repeat(100)))).toMatch(
      /context-length: the prompt has 100 tokens, the context holds 100/,
    );
    expect(await codeOf(() => generate(model(1, { beginOfTextId: 2 }), new Int32Array(1_000_000).fill(97)))).toMatch(
      /context-length: the prompt has 1000001 tokens/,
    );
    const tokenizer = {
      ...model().tokenizer,
      leastTokens: (text: string) => text.length / 4,
      encode: (): Int32Array => expect.unreachable("encoded"),
    };
    expect(await codeOf(() => generate({ ...model(), tokenizer }, "a".repeat(1_000_000)))).toMatch(
      /context-length: the prompt has at least 250000 tokens, the context holds 100/,
    );
    for (const maxNewTokens of [-1, 1.5, NaN])
      expect(await codeOf(() => generate(model(), "a", { maxNewTokens }))).toMatch(/invalid-argument: maxNewTokens/);
    expect(await codeOf(() => generate(model(), "a", { seed: -1 }))).toMatch(/invalid-argument: seed/);
    expect(await codeOf(() => generate(model(), "a", { stop: { strings: [""] } }))).toMatch(
      /invalid-argument: stop.strings must be a list of strings, each of at least one/,
    );
    expect(await codeOf(() => generate(model(), [500], {}))).toMatch(
      /invalid-argument: the prompt.s token ids run from 0 to 127, received 500/,
    );
  });

  it("options of strategies out of range", () => {
    expect(() => dynamo({ backoff: 1.1 })).toThrow(/backoff must be a number from 0 to 1, received 1.1/);
    expect(() => dynamo({ maskStrength: NaN })).toThrow(/maskStrength/);
    expect(() => dynamo({ tokenHeads: 0 })).toThrow(/tokenHeads/);
    expect(() => autoregressive({ temperature: -1 })).toThrow(/temperature/);
    expect(() => verified({ topK: 0 })).toThrow(/topK/);
    expect(() => autoregressive({ repetitionPenalty: 0 })).toThrow(/repetitionPenalty/);
  });

  it("strategies that throw or return nonsense, by name", async () => {
    const nonsense: Record<string, unknown> = {
      "at least one token": { tokens: [] },
      "must return .* tokens": "text",
      "step must return": undefined,
      "must return { tokens": null,
      "run from 0 to 127, received 128": { tokens: [128] },
      "received 1.5": { tokens: [1.5] },
      "accepted must be": { tokens: [1], accepted: 1 },
      "draft must be a list of": { tokens: [1], draft: null },
      "draft must be a list": { tokens: [1], draft: [null] },
      'order must be .* received "abc"': { tokens: [1], order: "abc" },
      "order must be .* received a symbol": { tokens: [1], order: Symbol("a") },
      "accepted must be .* received {}": { tokens: [1], accepted: Object.create(null) as unknown },
      "run from 0 to 127, received { toString }": { tokens: [{ toString: "" }] },
      "draft must be a list of { token }": { tokens: [1], draft: new Array<unknown>(2) },
      "jointSeconds must be .* received NaN": { tokens: [1], jointSeconds: NaN },
      "at most 2 drafts": { tokens: [1], draft: [1, 2, 3].map((token) => ({ token })) },
    };
    for (const [message, output] of Object.entries(nonsense)) {
      const strategy = { name: "odd", step: () => output } as unknown as Strategy;
      expect(await codeOf(() => generate(model(), "a", { strategy }))).toMatch(
        new RegExp(`strategy: strategy odd: .*${message}`),
      );
    }
    for (const settings of [{ heads: 0 }, { heads: 1.5 }, { topK: NaN }]) {
      const strategy: Strategy = { name: "odd", ...settings, step: () => ({ tokens: [1] }) };
      expect(await codeOf(() => generate(model(), "a", { strategy }))).toMatch(
        /strategy: strategy odd: (heads|topK) must be a whole number of at least 1/,
      );
    }
    const throwing: Strategy = { name: "thrower", step: () => Promise.reject(new Error("no idea")) };
    expect(await codeOf(() => generate(model(), "a", { strategy: throwing }))).toMatch(
      /strategy: strategy thrower threw: no idea/,
    );
  });
});

describe("a user's strategy", () => {
  /** Takes heads 2 and 3 only when they are sure of themselves. */
  function confident(least: number): Strategy {
    return {
      name: "confident",
      topK: 5,
      step({ positions: [heads = []] }) {
        const tokens: number[] = [];
        for (const { ids, logits, logSumExp } of heads) {
          const probability = Math.exp((logits[0] ?? -Infinity) - logSumExp);
          if (tokens.length > 0 && probability < least) break;
          tokens.push(ids[0] ?? 0);
        }
        return { tokens };
      },
    };
  }

  it("runs as the built-in ones do", async () => {
    const careful = await generate(model(), "abc", {
      strategy: confident(1.1),
      maxNewTokens: 12,
      stopAtEndOfText: false,
    });
    const greedy = await generate(model(), "abc", {
      strategy: autoregressive({ temperature: 0, repetitionPenalty: 1 }),
      maxNewTokens: 12,
      stopAtEndOfText: false,
    });
    expect(careful.tokens).toEqual(greedy.tokens);
    const bold = await generate(model(), "abc", { strategy: confident(0), maxNewTokens: 12, stopAtEndOfText: false });
    expect(bold.statistics.passes).toBe(4);
  });
});
