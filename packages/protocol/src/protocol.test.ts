import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  errorMessage,
  fromWireCandidates,
  parseChatRequest,
  parseCompletionRequest,
  parseModels,
  parseStreamEvent,
  toWireCandidates,
  type CompletionChunk,
  type WirePass,
} from "./index.js";

const pass: WirePass = {
  index: 2,
  order: 2,
  seconds: 0.01,
  tokens: [
    { id: 5, text: " a" },
    { id: 6, text: " b" },
  ],
  accepted: 0,
  positions: [[[{ id: 5, text: " a", probability: 0.75 }], [{ id: 6, text: " b", probability: 1 }]]],
  orders: [{ order: 2, threshold: 0.5, mass: 0.1, peak: 0.9, peakAfter: 0.8, otsu: 0.2, support: 3 }],
};
const chunk: CompletionChunk = { choices: [{ index: 0, text: " a b", finish_reason: null }], dynamo: pass };
const parse = (json: unknown): ReturnType<typeof parseStreamEvent> =>
  parseStreamEvent("completion", JSON.stringify(json));

describe("a stream's events", () => {
  it("are text with its pass, of both kinds", () => {
    expect(parse(chunk)).toEqual({ text: " a b", finishReason: undefined, pass });
    const chat = { choices: [{ index: 0, delta: { content: "x" }, finish_reason: "stop" }] };
    expect(parseStreamEvent("chat", JSON.stringify(chat))).toEqual({
      text: "x",
      finishReason: "stop",
      pass: undefined,
    });
    expect(parseStreamEvent("chat", '{"choices":[{"delta":{"role":"assistant"}}]}')).toMatchObject({ text: "" });
    expect(parseStreamEvent("chat", '{"choices":[],"usage":{}}')).toMatchObject({ text: "" });
    const usage = { choices: [], usage: {}, dynamo: { droppedMessages: 2 } };
    expect(parseStreamEvent("chat", JSON.stringify(usage))).toMatchObject({ text: "", pass: undefined });
    expect(parseStreamEvent("chat", "[DONE]")).toBe("done");
  });

  it("are an error where the server says so", () => {
    expect(() => parse({ error: { message: "the model is gone", type: "server_error" } })).toThrow(
      "the server reports: the model is gone",
    );
    expect(() => parse({ error: "odd" })).toThrow("an error without a message");
    expect(errorMessage({ error: { message: "x".repeat(9999) } })).toHaveLength(500);
  });

  it("are refused with the place that is wrong", () => {
    expect(() => parseStreamEvent("chat", "<html>")).toThrow(/expected JSON, received "<html>"/);
    expect(() => parse({ choices: [{ text: 3 }] })).toThrow(/at choices\.0\.text: .*expected string, received number/);
    const damaged = (change: object): unknown => ({ ...chunk, dynamo: { ...pass, ...change } });
    expect(() => parse(damaged({ seconds: -1 }))).toThrow(/at dynamo\.seconds/);
    expect(() => parse(damaged({ tokens: [{ id: 2 ** 40, text: "" }] }))).toThrow(/at dynamo\.tokens\.0\.id/);
    expect(() => parse(damaged({ positions: [[[{ id: 1, text: "", probability: 2 }]]] }))).toThrow(/probability/);
    expect(() => parse(damaged({ positions: Array.from({ length: 17 }, () => []) }))).toThrow(/at dynamo\.positions/);
  });

  it("never come out as anything but events or DynamoErrors", () => {
    fc.assert(
      fc.property(fc.constantFrom("chat" as const, "completion" as const), fc.json(), (kind, json) => {
        try {
          const event = parseStreamEvent(kind, json);
          expect(event === "done" || typeof event.text === "string").toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ name: "DynamoError", code: "runtime" });
        }
      }),
    );
  });
});

describe("candidates", () => {
  it("keep their probabilities on the wire", () => {
    const logits = fc.array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(logits, (values) => {
        const sorted = Float32Array.from(values).sort().reverse();
        const logSumExp = Math.log(sorted.reduce((sum, logit) => sum + Math.exp(logit), 0));
        const candidates = { ids: Int32Array.from(sorted.keys()), logits: sorted, logSumExp };
        const wire = toWireCandidates(candidates, { decode: String, count: 10 });
        const back = fromWireCandidates(JSON.parse(JSON.stringify(wire)) as typeof wire);
        expect([...back.ids]).toEqual([...candidates.ids].slice(0, 10));
        for (const [rank, logit] of back.logits.entries())
          expect(Math.exp(logit - back.logSumExp)).toBeCloseTo(Math.exp((sorted[rank] ?? 0) - logSumExp), 5);
      }),
    );
  });
});

describe("requests and models", () => {
  it("are taken with another API's fields", () => {
    const own = {
      model: "m",
      prompt: "p",
      top_p: 0.9,
      logit_bias: { 5: -1 },
      dynamo: { strategy: "verified", trace: true },
    };
    expect(parseCompletionRequest({ ...own, n: 1, best_of: 1 })).toEqual(own);
    expect(parseModels({ object: "list", data: [{ id: "m", object: "model", owned_by: "x" }] })).toEqual([{ id: "m" }]);
  });

  it("are refused with the field that is wrong", () => {
    expect(() => parseCompletionRequest({ model: "m", prompt: "p", dynamo: { backoff: 2 } })).toThrow(
      /at dynamo\.backoff/,
    );
    expect(() => parseCompletionRequest({ model: "m", prompt: "p", typical_p: 0 })).toThrow(/at typical_p/);
    expect(() => parseChatRequest({ model: "m", messages: [{ role: "tool", content: "" }] })).toThrow(
      /at messages\.0\.role/,
    );
    expect(() => parseChatRequest(null)).toThrow(/^the request: /);
    expect(() => parseModels({ data: "none" })).toThrow(/the server's list of models at data/);
  });
});
