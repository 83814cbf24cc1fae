import type { LanguageModel, Strategy, Tokenizer } from "@dynamo/core";
import { tableModel } from "@dynamo/core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { generate } from "./generate.js";
import type { GenerateOptions, GenerationResult } from "./generation.js";
import { createRandom } from "./random.js";

/** Tokens of some letters each; "~" is a byte whose character the next token may complete. */
const pieces = ["", "a", "b", "ab", "ba", "aab", "~", "c", "bc", "~a"];

const tokenizer: Tokenizer = {
  vocabularySize: pieces.length,
  encode: () => Int32Array.of(1),
  decode: (ids) => Array.from(ids, (id) => pieces[id]).join(""),
  stream() {
    let held = "";
    return {
      push(ids) {
        held += Array.from(ids, (id) => pieces[id]).join("");
        const ready = held.endsWith("~") ? held.slice(0, -1) : held;
        held = held.slice(ready.length);
        return ready;
      },
      flush: () => held,
    };
  },
};

const next = createRandom(5);
const model: LanguageModel = {
  ...tableModel({
    // Every head is like the first, so that a token's log-probability depends only on the token before its place.
    table: [
      Array.from({ length: pieces.length }, () => Float32Array.from({ length: pieces.length }, () => 4 * next())),
    ],
    endOfTextIds: [0],
    contextLength: 64,
  }),
  tokenizer,
};

/** Emits these tokens, so many per pass: drafts that are accepted, and the token behind them. */
function scripted(tokens: readonly number[], groups: readonly number[]): Strategy {
  return {
    name: "scripted",
    drafts: 4,
    step({ draft, context }) {
      const after = context.length - 1 + draft.length;
      const group = groups[(after + 1) % groups.length] ?? 1;
      const rest = tokens.slice(after).map((token) => ({ token }));
      const [token = 1] = tokens.slice(after);
      return { accepted: draft.length, tokens: [token], draft: rest.slice(1, group) };
    },
  };
}

interface Written extends GenerationResult {
  readonly streamed: { readonly text: string; readonly tokens: number[]; readonly logprobs: unknown[] };
}

async function write(options: GenerateOptions): Promise<Written> {
  const streamed = { text: "", tokens: [] as number[], logprobs: [] as unknown[] };
  const generation = generate(model, [1], { ...options, logprobs: 2 });
  for await (const chunk of generation) {
    streamed.text += chunk.text;
    streamed.tokens.push(...chunk.tokens);
    streamed.logprobs.push(...(chunk.logprobs ?? []));
  }
  return { ...(await generation), streamed };
}

const token = fc.integer({ min: 0, max: pieces.length - 1 });
const stop = fc
  .array(fc.constantFrom("a", "b", "c", "~"), { minLength: 1, maxLength: 4 })
  .map((letters) => letters.join(""));

describe("how tokens fall into passes", () => {
  it("changes neither text, tokens, log-probabilities nor the reason", async () => {
    const ended = { stop: 0, length: 0, "end-of-text": 0, cancelled: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(token, { minLength: 12, maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
        fc.array(stop, { maxLength: 3 }),
        fc.constantFrom(0, 0, 3),
        async (tokens, groups, strings, minNewTokens) => {
          // Neither end may come before.
          const allowed = tokens.map((id, i) => (i < minNewTokens && (id === 0 || id === 9) ? 1 : id));
          const settings = { stop: { strings, ids: [9] }, minNewTokens, maxNewTokens: 10 };
          const one = await write({ ...settings, strategy: scripted(allowed, [1]) });
          const several = await write({ ...settings, strategy: scripted(allowed, groups) });
          for (const key of ["text", "tokens", "logprobs", "finishReason"] as const)
            expect(several[key]).toEqual(one[key]);
          expect(several.statistics.tokens).toBe(one.tokens.length);
          expect(several.streamed).toEqual({ text: one.text, tokens: one.tokens, logprobs: one.logprobs });
          ended[one.finishReason]++;
        },
      ),
      { numRuns: 300, seed: 13 },
    );
    for (const reason of ["stop", "length", "end-of-text"] as const) expect(ended[reason]).toBeGreaterThan(5);
  });

  it("ends tokens with what makes the stop string whole, and the text before it", async () => {
    // "aab" + "ba" + "c": "bb" is whole with the second token.
    const options = {
      stop: { strings: ["bb"] },
      maxNewTokens: 9,
      strategy: scripted([5, 4, 7, 1, 1, 1, 1, 1, 1], [3]),
    };
    const { text, tokens, logprobs, finishReason, statistics } = await write(options);
    expect({ text, tokens, finishReason }).toEqual({ text: "aa", tokens: [5, 4], finishReason: "stop" });
    expect([logprobs?.length, statistics.tokens]).toEqual([2, 2]);
  });

  it("lets a stop string count from minNewTokens on", async () => {
    // "b" stands at tokens 2 and 5.
    const strategy = scripted([1, 2, 1, 1, 2, 1], [2]);
    const at = async (minNewTokens: number): Promise<[string, number]> => {
      const { text, tokens } = await write({ strategy, minNewTokens, stop: { strings: ["b"] }, maxNewTokens: 6 });
      return [text, tokens.length];
    };
    expect(await at(0)).toEqual(["a", 2]);
    expect(await at(1)).toEqual(["a", 2]);
    expect(await at(2)).toEqual(["abaa", 5]);
    expect(await at(5)).toEqual(["abaaba", 6]);
  });
});

describe("log-probabilities", () => {
  it("have as many alternatives as asked for, and the strategy sees its own topK", async () => {
    const seen: number[] = [];
    const strategy: Strategy = {
      name: "narrow",
      topK: 2,
      step({ positions: [heads = []] }) {
        seen.push(heads[0]?.ids.length ?? 0);
        return { tokens: [heads[0]?.ids[1] ?? 0] };
      },
    };
    for (const more of [{}, { suppressTokens: [3] }, { logitBias: { 4: 2 } }]) {
      const { logprobs = [] } = await generate(model, [1], { strategy, maxNewTokens: 5, logprobs: 7, ...more });
      for (const { logprob, top } of logprobs) {
        expect(top.length).toBe(7);
        expect(logprob).toBeTypeOf("number");
      }
    }
    expect(new Set(seen)).toEqual(new Set([2]));
    const { logprobs = [] } = await generate(model, [1], { strategy, maxNewTokens: 1, logprobs: 99 });
    expect(logprobs[0]?.top.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0)).toBeCloseTo(1, 6);
  });
});
