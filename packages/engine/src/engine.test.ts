import { DynamoError, type LanguageModel, type Runtime, type Strategy } from "@dynamo/core";
import { autoregressive, dynamo, generate, speculative, verified, type GenerationChunk } from "@dynamo/decode";
import { loadModel } from "@dynamo/model";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { modelPath } from "@dynamo/stories";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEngine, type Engine, type EngineOptions, type EngineRequest, type PassReport } from "./index.js";

let runtime: Runtime;
let model: LanguageModel;
beforeAll(async () => {
  runtime = createNodeRuntime({ device: "cpu" });
  model = await loadModel(runtime, modelPath);
});
afterAll(() => runtime.dispose());

async function withEngine<Result>(options: EngineOptions, use: (engine: Engine) => Promise<Result>): Promise<Result> {
  const engine = await createEngine(model, options);
  try {
    return await use(engine);
  } finally {
    await engine.close({ now: true });
  }
}

const strategies: readonly (() => Strategy)[] = [
  () => autoregressive(),
  () => dynamo(),
  () => verified(),
  () => dynamo({ backoff: 0, maskStrength: 0.5 }),
  () => autoregressive({ temperature: 0 }),
  () => speculative({ draftModel: model, drafts: 3 }),
];

const prompts = [
  "Once upon a time, there was a little dog",
  "Lily and Tom went to the park. They",
  "The sun was shining and",
  "One day, a big bear found a red ball in the forest. The bear was very happy. He wanted to",
];

function requests(count: number): EngineRequest[] {
  return Array.from({ length: count }, (_, i) => ({
    prompt: prompts[i % prompts.length] as string,
    strategy: (strategies[i % strategies.length] as () => Strategy)(),
    maxNewTokens: 10 + ((i * 7) % 31),
    seed: 100 + i,
    ...(i % 6 === 0 ? { presencePenalty: 0.5 } : {}),
    ...(i % 7 === 0 ? { logitBias: { 20: -100 } } : {}),
  }));
}

const codeOf = async (promise: PromiseLike<unknown>): Promise<string> => {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return DynamoError.is(error) ? error.code : String(error);
};

describe("a request's text", () => {
  test("is what it is alone, whoever else is in the batch, with every strategy", async () => {
    const all = requests(40);
    const passes: PassReport[] = [];
    const results = await withEngine({ slots: 5, prefillTokens: 7, onPass: (pass) => passes.push(pass) }, (engine) =>
      Promise.all(all.map((request) => engine.submit(request))),
    );
    for (const [i, { text, tokens, finishReason, statistics }] of results.entries()) {
      const { prompt, ...options } = requests(40)[i] as EngineRequest;
      const alone = await generate(model, prompt, options);
      expect({ i, text, tokens, finishReason }).toEqual({
        ...{ i, text: alone.text, tokens: alone.tokens, finishReason: alone.finishReason },
      });
      expect(statistics.passes).toBe(alone.statistics.passes);
    }
    expect(Math.max(...passes.map(({ rows }) => rows))).toBe(5);
    // Prompts that others had before were not computed again.
    // How many depends on who was late: on a loaded machine the drafting of some is.
    expect(results.filter(({ statistics }) => statistics.reusedTokens > 0).length).toBeGreaterThan(10);
  });

  test("streams pass by pass, and the chunks are the result", async () => {
    await withEngine({}, async (engine) => {
      const generation = engine.submit({ prompt: prompts[0] as string, seed: 1, maxNewTokens: 30, logprobs: 2 });
      const chunks: GenerationChunk[] = [];
      for await (const chunk of generation) chunks.push(chunk);
      const result = await generation;
      expect(chunks.map(({ text }) => text).join("")).toBe(result.text);
      expect(chunks.flatMap(({ tokens }) => tokens)).toEqual(result.tokens);
      expect(chunks.map(({ pass }) => pass)).toEqual(chunks.map((_, i) => i));
      expect(result.logprobs).toHaveLength(result.tokens.length);
      expect(chunks.length).toBeLessThan(result.tokens.length);
    });
  });
});

describe("a text that goes on", () => {
  test("begins where the one before it ended, and is the same text", async () => {
    await withEngine({ slots: 2 }, async (engine) => {
      const strategy = dynamo({ temperature: 0 });
      const first = await engine.submit({ prompt: prompts[3] as string, strategy, maxNewTokens: 20 });
      const prompt = [
        ...model.tokenizer.encode(prompts[3] as string),
        ...first.tokens,
        ...model.tokenizer.encode(" And"),
      ];
      const second = await engine.submit({ prompt, strategy, maxNewTokens: 20 });
      expect(second.statistics.reusedTokens).toBeGreaterThan(first.statistics.promptTokens + 10);
      expect(second.text).toBe((await generate(model, prompt, { strategy, maxNewTokens: 20 })).text);
      // Kept without the other heads, a text is no beginning for those who need them.
      const other = [...prompt, ...model.tokenizer.encode(" then they all")];
      await engine.submit({ prompt: other, strategy: autoregressive(), maxNewTokens: 1 });
      const third = await engine.submit({ prompt: other, strategy, maxNewTokens: 20 });
      expect(third.text).toBe((await generate(model, other, { strategy, maxNewTokens: 20 })).text);
    });
  });

  test("a prompt that begins like one of another scope learns nothing of it: neither when that has ended nor while it runs", async () => {
    const prompt = prompts[3] as string;
    const reusedBy = async (engine: Engine, scope: string | undefined): Promise<number> => {
      const { statistics } = await engine.submit({ prompt, scope, strategy: autoregressive(), maxNewTokens: 1 });
      return statistics.reusedTokens;
    };
    await withEngine({ slots: 2, keptTexts: 2 }, async (engine) => {
      expect(await reusedBy(engine, "alice")).toBe(0);
      expect(await reusedBy(engine, "bob")).toBe(0);
      await expect.poll(() => engine.state.tokens.active).toBe(0);
      expect(engine.state.tokens.kept).toBeGreaterThan(20);
      // Bob's longer text takes no place of hers, which he would see in the next answer.
      for (const scope of ["alice", "bob"]) expect(await reusedBy(engine, scope)).toBeGreaterThan(10);
    });
    // Nor does he lose what is kept of him by her many texts, in whatever scopes of hers they are.
    await withEngine({ slots: 2, keptTexts: 3 }, async (engine) => {
      expect(await reusedBy(engine, "bob")).toBe(0);
      for (const [i, other] of prompts.entries())
        await engine.submit({ prompt: `${other} ${prompt}`, scope: `salt ${i}`, owner: "alice", maxNewTokens: 1 });
      await expect.poll(() => engine.state.tokens.active).toBe(0);
      expect(await reusedBy(engine, "bob")).toBeGreaterThan(10);
    });
    await withEngine({ slots: 3, keptTexts: 0 }, async (engine) => {
      const running = engine.submit({ prompt, scope: "alice", maxNewTokens: 100 });
      const chunks = running[Symbol.asyncIterator]();
      await chunks.next();
      expect(await reusedBy(engine, "bob")).toBe(0);
      expect(await reusedBy(engine, undefined)).toBe(0);
      expect(await reusedBy(engine, "alice")).toBeGreaterThan(10);
      await chunks.return?.();
    });
  });
});

describe("the queue", () => {
  test("takes what belongs to a request that it has taken, however full it is", async () => {
    await withEngine({ slots: 1, queue: 0 }, async (engine) => {
      const request = { prompt: prompts[0] as string, maxNewTokens: 3 };
      const first = engine.submit(request);
      expect(() => engine.submit(request)).toThrow(/1 requests are here already/);
      const second = engine.submit({ ...request, index: 1, joins: true });
      expect((await first).tokens).toHaveLength(3);
      expect((await second).tokens).toHaveLength(3);
    });
  });

  test("refuses what is more than it holds, and lets nobody wait for a cancelled one", async () => {
    await withEngine({ slots: 1, queue: 2 }, async (engine) => {
      const stop = new AbortController();
      const request = { prompt: prompts[0] as string, maxNewTokens: 100, stopAtEndOfText: false };
      const running = engine.submit({ ...request, signal: stop.signal });
      const cancelled = new AbortController();
      const waiting = engine.submit({ ...request, signal: cancelled.signal });
      const last = engine.submit({ ...request, maxNewTokens: 3 });
      expect(() => engine.submit(request)).toThrow(/3 requests are here already: 1 slots and a queue of 2/);
      cancelled.abort();
      expect(await codeOf(waiting)).toBe("aborted");
      expect(engine.state).toMatchObject({ slots: 1, queued: 1 });
      stop.abort();
      expect(await codeOf(running)).toBe("aborted");
      expect((await last).tokens).toHaveLength(3);
      await expect.poll(() => engine.state).toMatchObject({ slots: 1, active: 0, queued: 0 });
    });
  });

  test("a reader who leaves gives its slot away", async () => {
    await withEngine({ slots: 1 }, async (engine) => {
      const long = { prompt: prompts[1] as string, maxNewTokens: 400, stopAtEndOfText: false };
      let seen = 0;
      for await (const chunk of engine.submit(long)) if ((seen += chunk.tokens.length) > 5) break;
      const next = await engine.submit({ ...long, maxNewTokens: 2 });
      expect(next.tokens).toHaveLength(2);
      expect(next.statistics.seconds.total).toBeGreaterThan(0);
    });
  });

  test("refuses requests that cannot be before they wait", async () => {
    await withEngine({}, async (engine) => {
      const refused: [EngineRequest, RegExp][] = [
        [{ prompt: "" }, /prompt is empty/],
        [{ prompt: new Array<number>(600).fill(5) }, /has 60\d tokens, the context holds 512/],
        [{ prompt: "a", maxNewTokens: -1 }, /maxNewTokens/],
        [{ prompt: "a", maxTokens: 5 } as never, /submit\(\) has no option maxTokens: did you mean maxNewTokens\?/],
        [{ prompt: "a", temperature: 0 } as never, /it belongs to a strategy/],
        [{ promt: "a" } as never, /did you mean prompt\?/],
        [{} as never, /prompt must be text or a list of token ids .* received undefined/],
        [null as never, /submit\(\): options must be a plain object, received null/],
      ];
      for (const [request, message] of refused) expect(() => engine.submit(request)).toThrow(message);
      await expect(createEngine(model, { slots: 0 })).rejects.toThrow(/slots must be a whole number from 1/);
      await expect(createEngine(model, { slot: 2 } as never)).rejects.toThrow(/no option slot: did you mean slots\?/);
      await expect(createEngine(Promise.resolve(model) as never)).rejects.toThrow(/model must be a loaded model/);
    });
  });
});

describe("a long prompt", () => {
  test("lets the others go on between its pieces", async () => {
    const passes: PassReport[] = [];
    await withEngine({ slots: 2, prefillTokens: 16, onPass: (pass) => passes.push(pass) }, async (engine) => {
      const writing = engine.submit({ prompt: "Once", maxNewTokens: 200, stopAtEndOfText: false });
      const iterator = writing[Symbol.asyncIterator]();
      await iterator.next();
      passes.length = 0;
      const long = Array.from({ length: 320 }, (_, i) => 100 + ((i * 37) % 900));
      await engine.submit({ prompt: long, maxNewTokens: 1 });
    });
    const kinds = passes.map(({ kind }) => kind).join(" ");
    expect(passes.filter(({ kind }) => kind === "prefill").length).toBeGreaterThanOrEqual(20);
    expect(kinds).not.toContain("prefill prefill");
  });
});

describe("what fails", () => {
  test("a strategy's fault ends its own request only", async () => {
    await withEngine({}, async (engine) => {
      const bad: Strategy = {
        name: "bad",
        step: ({ random }) => {
          if (random() > 0.5) throw new Error("no more");
          return { tokens: [5] };
        },
      };
      const options = { seed: 3, maxNewTokens: 40 };
      const good = { prompt: prompts[0] as string, ...options };
      const [failed, text] = await Promise.all([
        codeOf(engine.submit({ ...good, strategy: bad })),
        engine.submit(good),
      ]);
      expect(failed).toBe("strategy");
      expect(text.text).toBe((await generate(model, good.prompt, options)).text);
    });
  });

  test("a strategy that never answers holds nobody up, before and after its first token, and ends with its signal", async () => {
    await withEngine({ slots: 3 }, async (engine) => {
      const started: string[] = [];
      const seen: AbortSignal[] = [];
      const hanging = (after: number): Strategy => ({
        name: `hanging after ${after}`,
        heads: 1,
        step({ context, promptLength, signal }) {
          if (context.length - promptLength < after) return { tokens: [5] };
          started.push("hangs");
          seen.push(signal);
          return new Promise<never>(() => undefined);
        },
      });
      const controller = new AbortController();
      const { signal } = controller;
      const stuck = [0, 3].map((after) =>
        codeOf(engine.submit({ prompt: prompts[1] as string, strategy: hanging(after), signal })),
      );
      await expect.poll(() => started.length).toBe(2);
      // The third slot serves one after the other, whatever heads they need.
      for (const strategy of [dynamo(), autoregressive(), verified()]) {
        const options = { strategy, seed: 3, maxNewTokens: 12 };
        const text = await engine.submit({ prompt: prompts[0] as string, ...options });
        expect(text.text).toBe((await generate(model, prompts[0] as string, options)).text);
      }
      expect(engine.state.active).toBe(2);
      expect(seen.some(({ aborted }) => aborted)).toBe(false);
      controller.abort();
      expect(await Promise.all(stuck)).toEqual(["aborted", "aborted"]);
      expect(seen.every(({ aborted }) => aborted)).toBe(true);
      await expect.poll(() => engine.state).toMatchObject({ slots: 3, active: 0, queued: 0 });
    });
  });

  test("a strategy that is late writes what it writes alone, beside others", async () => {
    await withEngine({ slots: 4 }, async (engine) => {
      const late = (inner: Strategy): Strategy => ({
        ...inner,
        async step(input) {
          if (input.context.length % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 150));
          return inner.step(input);
        },
      });
      const options = { seed: 7, maxNewTokens: 20 };
      const texts = [late(verified()), verified(), late(dynamo()), dynamo()].map((strategy) =>
        engine.submit({ prompt: prompts[0] as string, ...options, strategy }),
      );
      const [lateVerified, onTime, lateDynamo, dynamic] = await Promise.all(texts);
      expect(lateVerified?.tokens).toEqual(onTime?.tokens);
      expect(lateDynamo?.tokens).toEqual(dynamic?.tokens);
      expect(onTime?.tokens).toEqual(
        (await generate(model, prompts[0] as string, { ...options, strategy: verified() })).tokens,
      );
    });
  });

  test("a strategy's texts are begun and ended once, however they end", async () => {
    const ended = new Map<string, number>();
    const keeping = (name: string, step: (made: number) => ReturnType<Strategy["step"]>): Strategy => ({
      name,
      begin: () => name,
      end: () => {
        ended.set(name, (ended.get(name) ?? 0) + 1);
      },
      step: ({ context, promptLength }) => step(context.length - promptLength),
    });
    const prompt = prompts[0] as string;
    const closing = await createEngine(model, { slots: 2 });
    const stop = new AbortController();
    const write = (): { tokens: number[] } => ({ tokens: [5] });
    await closing.submit({ prompt, maxNewTokens: 3, strategy: keeping("finished", write) });
    for await (const _ of closing.submit({ prompt, strategy: keeping("left", write) })) break;
    const aborting = (made: number): { tokens: number[] } => (made === 3 && stop.abort(), write());
    expect(await codeOf(closing.submit({ prompt, signal: stop.signal, strategy: keeping("aborted", aborting) }))).toBe("aborted"); // prettier-ignore
    const odd = keeping("failed", (made) => ({ tokens: made === 2 ? [] : [5] }));
    expect(await codeOf(closing.submit({ prompt, strategy: odd }))).toBe("strategy");
    const two = ["closed", "closed too"].map((name) => closing.submit({ prompt, strategy: keeping(name, write) }));
    for (const each of two) await each[Symbol.asyncIterator]().next();
    const waiting = closing.submit({ prompt, strategy: keeping("never begun", write) });
    await closing.close({ now: true });
    expect(await Promise.all([...two, waiting].map(codeOf))).toEqual(["aborted", "aborted", "aborted"]);
    expect(Object.fromEntries(ended)).toEqual({
      finished: 1,
      left: 1,
      aborted: 1,
      failed: 1,
      closed: 1,
      "closed too": 1,
    });
  });

  test("a pass's fault fails all who are under way, and the next request is served", async () => {
    let failing = false;
    const fragile: LanguageModel = {
      ...model,
      forward: (...given) => (failing ? Promise.reject(new DynamoError("runtime", "gone")) : model.forward(...given)),
    };
    const engine = await createEngine(fragile, { slots: 2 });
    const request = { prompt: prompts[0] as string, seed: 3, maxNewTokens: 100 };
    const first = [engine.submit(request), engine.submit(request)];
    await first[0]?.[Symbol.asyncIterator]().next();
    failing = true;
    expect(await Promise.all(first.map(codeOf))).toEqual(["runtime", "runtime"]);
    failing = false;
    expect((await engine.submit({ ...request, maxNewTokens: 4 })).tokens).toHaveLength(4);
    await engine.close();
  });

  test("a model that makes no new caches fails all who are here, and the engine says that it is broken", async () => {
    let failing = false;
    const gone = (): Promise<never> => Promise.reject(new DynamoError("runtime", "gone"));
    const fragile: LanguageModel = {
      ...model,
      forward: (...given) => (failing ? gone() : model.forward(...given)),
      createCache: (given) => (failing ? gone() : model.createCache(given)),
    };
    const told: DynamoError[] = [];
    const engine = await createEngine(fragile, { slots: 1, onBroken: (error) => told.push(error) });
    const request = { prompt: prompts[0] as string, seed: 3, maxNewTokens: 100 };
    const [first, waiting] = [engine.submit(request), engine.submit(request)];
    await first[Symbol.asyncIterator]().next();
    failing = true;
    expect(await Promise.all([first, waiting].map(codeOf))).toEqual(["runtime", "runtime"]);
    expect(told.map(({ code }) => code)).toEqual(["runtime"]);
    expect(() => engine.submit(request)).toThrow(/cannot be used any more/);
  });

  test("the engine says once that nobody is left, not between two requests of a queue", async () => {
    let idle = 0;
    const engine = await createEngine(model, { slots: 1, onIdle: () => idle++ });
    const request = { prompt: prompts[0] as string, maxNewTokens: 4 };
    await Promise.all([engine.submit(request), engine.submit(request)]);
    await engine.close();
    expect([idle, engine.state]).toMatchObject([1, { slots: 1, active: 0, queued: 0 }]);
  });

  test("an engine that closes finishes what it has, takes no more, and leaves no cache", async () => {
    let caches = 0;
    const counting: LanguageModel = {
      ...model,
      async createCache(options) {
        const cache = await model.createCache(options);
        caches++;
        const { dispose } = cache;
        cache.dispose = () => {
          caches--;
          return dispose();
        };
        return cache;
      },
    };
    const engine = await createEngine(counting, { slots: 1 });
    expect(caches).toBe(3);
    const texts = [1, 2, 3].map((seed) => engine.submit({ prompt: prompts[2] as string, seed, maxNewTokens: 5 }));
    const closed = engine.close();
    expect(() => engine.submit({ prompt: "a" })).toThrow(/closing/);
    expect((await Promise.all(texts)).map(({ tokens }) => tokens.length)).toEqual([5, 5, 5]);
    await closed;
    expect(caches).toBe(0);
  });
});
