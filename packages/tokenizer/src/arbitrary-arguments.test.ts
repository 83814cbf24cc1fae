/** Every public function, and what it returns, in the hands of plain JavaScript: only a DynamoError comes out. */
import { callContract } from "@dynamo/call-contract";
import { functionNames, type PublicCall } from "@dynamo/core/testing";
import { expect, test } from "vitest";
import { byteLevelJson } from "./__fixtures__/tokenizers.js";
import * as tokenizer from "./index.js";
import * as train from "./train/index.js";

const files = { tokenizerJson: byteLevelJson(), tokenizerConfig: {}, chatTemplate: "{{ messages[0].content }}" };
const loaded = tokenizer.loadTokenizer(files);
const message = { role: "user", content: "a" };
const trainer = (): train.BpeTrainer => {
  const made = train.createBpeTrainer({ vocabularySize: 260 });
  made.add("abab");
  return made;
};
const training = { vocabularySize: 260, specialTokens: ["<a>"], minFrequency: 2, maxTokenLength: 9, signal: undefined };

const functions: Readonly<Record<string, PublicCall>> = {
  loadTokenizer: { call: tokenizer.loadTokenizer, right: [files], options: [[0]] },
  openTokenizer: { call: tokenizer.openTokenizer, right: [files], options: [[0]] },
  fitConversation: {
    call: (messages, options: unknown) =>
      tokenizer.fitConversation(
        messages,
        (typeof options === "object" ? { template: () => "a", count: () => 1, ...options } : options) as never,
      ),
    right: [[message], { limit: 5 }],
    options: [[1]],
  },
};
const trainFunctions: Readonly<Record<string, PublicCall>> = {
  createBpeTrainer: { call: train.createBpeTrainer, right: [training], options: [[0]] },
  tokenizerConfig: { call: train.tokenizerConfig, right: [{ end: "<a>", contextLength: 8 }], options: [[0]] },
};
const trainerMethods: Readonly<Record<keyof train.BpeTrainer, PublicCall>> = {
  add: {
    call: (text: string) => {
      trainer().add(text);
    },
    right: ["a text"],
  },
  finish: {
    call: (options: train.FinishOptions) => trainer().finish(options),
    right: [{ signal: undefined }],
    options: [[0]],
  },
};
const methods: Readonly<Record<string, PublicCall>> = {
  encode: { call: loaded.encode, right: ["a", { specialTokens: "text" }], options: [[1]] },
  decode: { call: loaded.decode, right: [[1, 2]] },
  stream: { call: (before, id: number) => loaded.stream(before).push([id]), right: [[1], 2] },
  tokenBytes: { call: loaded.tokenBytes, right: [1] },
  tokenToId: { call: loaded.tokenToId, right: ["a"] },
  idToToken: { call: loaded.idToToken, right: [1] },
  markSpecial: { call: loaded.markSpecial, right: [{ a: ["b"] }] },
  leastTokens: { call: loaded.leastTokens, right: ["a"] },
  applyChatTemplate: {
    call: loaded.applyChatTemplate,
    right: [[message], { addGenerationPrompt: true, variables: {}, tools: [{ name: "t" }] }],
    options: [[1]],
  },
};

const calls = { ...functions, ...trainFunctions, ...trainerMethods, ...methods };

callContract(calls, { runs: 40, unknownOption: ["lmit", / has no option lmit: .*expected one of /] });

test("every public function and method is here", () => {
  expect(Object.keys(functions).sort()).toEqual(functionNames(tokenizer).sort());
  expect(Object.keys(trainFunctions).sort()).toEqual(functionNames(train).sort());
  expect(Object.keys(trainerMethods).sort()).toEqual(functionNames(trainer()).sort());
  expect(Object.keys(methods).sort()).toEqual(functionNames(loaded).sort());
});

test.each([
  [() => trainer().add(5 as never), "text must be a string, received 5"],
  [() => trainer().finish({ onprogress: () => 1 } as never), "did you mean onProgress?"],
  [() => train.tokenizerConfig({ contextLength: "8" } as never), 'contextLength must be a whole number of at least 1, received "8"'], // prettier-ignore
  [() => train.createBpeTrainer({ ...training, minfrequency: 1 } as never), "did you mean minFrequency?"],
  [() => loaded.applyChatTemplate([{ ...message, map: new Map([[Object.create(null), Symbol("a")]]) }]), "map.\"{}\": expected JSON's values, received a symbol"], // prettier-ignore
  [() => loaded.applyChatTemplate([{ ...message, odd: Object.assign(new Date(0), { constructor: null }) }]), "odd: expected JSON's values, received a Date"], // prettier-ignore
  [() => tokenizer.fitConversation(["a"] as never, {} as never), "messages must be a list of messages { role, content }"], // prettier-ignore
])("case %#", (call, expected) => {
  expect(call).toThrow(expected);
});
