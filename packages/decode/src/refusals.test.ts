/** Options are never ignored, and wrong arguments of plain JavaScript are refused in words. */
import { DynamoError, type LanguageModel, type Strategy } from "@dynamo/core";
import { tableModel } from "@dynamo/core/testing";
import { describe, expect, it } from "vitest";
import {
  autoregressive,
  dynamo,
  generate,
  speculative,
  startDecoding,
  verified,
  type GenerateOptions,
} from "./index.js";

const model = tableModel({ table: [Array.from({ length: 4 }, () => [1, 2, 3, 4])] });

const refusal = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    if (DynamoError.is(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "taken";
};

const wrong = (value: unknown): never => value as never;

describe("generate() refuses", () => {
  const options = [
    [
      { maxTokens: 5 },
      "generate() has no option maxTokens: did you mean maxNewTokens? expected one of strategy, maxNewTokens,",
    ],
    [{ max_new_tokens: 5 }, "did you mean maxNewTokens?"],
    [
      { temperature: 0 },
      "generate() has no option temperature: it belongs to a strategy: { strategy: dynamo({ temperature }) }",
    ],
    [{ strategy: dynamo(), topK: 5 }, "it belongs to a strategy: { strategy: dynamo({ topK }) }"],
    [{ maskStrength: 1 }, "it belongs to a strategy: { strategy: dynamo({ maskStrength }) }"],
    [{ draftModel: model }, "it belongs to a strategy: { strategy: speculative({ draftModel }) }"],
    [{ stop: "." }, 'stop must be an object { strings, ids }, received "."'],
    [{ stop: ["."] }, 'stop must be an object { strings, ids }, received ["."]'],
    [{ stop: { string: ["."] } }, "generate() has no option stop.string: did you mean stop.strings?"],
    [{ stop: { strings: "." } }, "stop.strings must be a list of strings, each of at least one character, received"],
    [{ stop: { ids: [1.5] } }, "stop.ids must be a list of token ids, received [1.5]"],
    [
      { strategy: "dynamo" },
      'strategy must be a strategy such as dynamo(), an object { name, step }, received "dynamo"',
    ],
    [{ strategy: dynamo }, "received the function dynamo"],
    [{ strategy: Promise.resolve(dynamo()) }, "received a Promise (await it first)"],
    [{ seed: "1" }, 'seed must be a whole number of at least 0, received "1"'],
    [{ logprobs: "5" }, 'logprobs must be true or false, or a whole number of at least 0, received "5"'],
    [{ stopAtEndOfText: 0 }, "stopAtEndOfText must be true or false, received 0"],
    [{ signal: new AbortController() }, "signal must be an AbortSignal, received an AbortController"],
    [{ logitBias: [[5, 1]] }, "logitBias must be an object of finite numbers by token id, received [[… 2]]"],
    [{ logitBias: { 5: "1" } }, "logitBias must be an object of finite numbers by token id, received { 5 }"],
    [{ presencePenalty: NaN }, "presencePenalty must be a finite number, received NaN"],
    [null, "generate(): options must be a plain object, received null"],
  ] as const;
  it.each(options.map(([given, message]) => [message, given] as const))("%s", (message, given) => {
    expect(refusal(() => generate(model, [1], wrong(given)))).toContain(`invalid-argument: `);
    expect(refusal(() => generate(model, [1], wrong(given)))).toContain(message);
    expect(refusal(() => startDecoding(model, [1], wrong(given)))).toContain(
      message.replace("generate()", "startDecoding()"),
    );
  });

  const prompts: readonly (readonly [unknown, string])[] = [
    [undefined, "prompt must be text or a list of token ids"],
    [
      [{ role: "user", content: "hi" }],
      "chat messages become text by the tokenizer's chat template), received { role, content }",
    ],
    [["\u0001", 5], "received 5"],
    [[[1], undefined], "received undefined"],
    [{ length: 3 }, "received { length }"],
    [[1, 1.5], "the prompt's token ids run from 0 to 3, received 1.5"],
    [[1, "2"], 'the prompt\'s token ids run from 0 to 3, received "2"'],
    [[4], "the prompt's token ids run from 0 to 3, received 4"],
    [[-1], "received -1"],
    [BigInt64Array.of(1n), "received 1n"],
    [new DataView(new ArrayBuffer(8)), "received a DataView"],
    [[], "the prompt is empty"],
  ];
  it.each(prompts)("prompt case %#", (prompt, message) => {
    expect(refusal(() => generate(model, wrong(prompt)))).toMatch(/^invalid-argument: /);
    expect(refusal(() => generate(model, wrong(prompt)))).toContain(message);
  });

  it("a model that was not awaited, and what is none", () => {
    const call = (given: unknown): string => refusal(() => generate(given as LanguageModel, [1]));
    expect(call(Promise.resolve(model))).toBe(
      "invalid-argument: model must be a loaded model (what loadModel resolves to), received a Promise (await it first)",
    );
    for (const none of [undefined, null, "model", {}, { info: model.info }, () => model])
      expect(call(none)).toMatch(/^invalid-argument: model must be a loaded model/);
  });
});

describe("strategies refuse", () => {
  const makers: Record<string, (options: never) => Strategy> = { autoregressive, dynamo, verified, speculative };
  it.each(Object.entries(makers))("%s: what they do not have, and options of generate()", (name, make) => {
    const call = (options: unknown): string => refusal(() => make(options as never));
    const own = name === "speculative" ? { draftModel: model } : {};
    expect(call(own)).toBe("taken");
    expect(call({ ...own, temprature: 1 })).toContain(`${name}() has no option temprature: did you mean temperature?`);
    expect(call({ ...own, maxNewTokens: 1 })).toContain(
      `${name}() has no option maxNewTokens: it is an option of generate()`,
    );
    expect(call({ ...own, topK: 0 })).toContain("topK must be a whole number from 1 to 1024, received 0");
    expect(call({ ...own, topP: "1" })).toContain('topP must be a number above 0, at most 1, received "1"');
    for (const none of [null, 0.5, "greedy", [0.5], Promise.resolve({})])
      expect(call(none)).toContain(`${name}(): options must be a plain object, received`);
  });

  it("options of each other", () => {
    expect(refusal(() => autoregressive(wrong({ backoff: 0.5 })))).toContain("autoregressive() has no option backoff");
    expect(refusal(() => verified(wrong({ backoff: 0.5 })))).toContain("verified() has no option backoff");
    expect(refusal(() => speculative(wrong({})))).toContain("draftModel must be a loaded model");
  });
});

describe("options that are undefined", () => {
  it("are not given", async () => {
    const options: GenerateOptions = {
      strategy: undefined,
      seed: undefined,
      stop: undefined,
      signal: undefined,
      maxNewTokens: 2,
    };
    expect((await generate(model, [1], options)).tokens).toHaveLength(2);
  });
});
