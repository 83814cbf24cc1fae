/** The public functions in the hands of plain JavaScript: whatever they are given, only a DynamoError comes out. */
import {
  callWithEachPartWrong,
  callWithUnknownOptions,
  functionNames,
  settledOrRefused,
  type PublicCall,
} from "@dynamo/core/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as protocol from "./index.js";

const request = { model: "m", max_tokens: 1, dynamo: { strategy: "dynamo" } };
const candidates = { ids: Int32Array.of(3), logits: Float32Array.of(1), logSumExp: 2 };

const calls: Readonly<Record<string, PublicCall>> = {
  parseJson: { call: protocol.parseJson, right: ["{}", "a file", "runtime"] },
  parseModels: { call: protocol.parseModels, right: [{ data: [{ id: "m", dynamo: { tokenHeads: 2, chat: true } }] }] },
  parseChatRequest: {
    call: protocol.parseChatRequest,
    right: [{ ...request, messages: [{ role: "user", content: "a" }] }],
  },
  parseCompletionRequest: { call: protocol.parseCompletionRequest, right: [{ ...request, prompt: "a" }] },
  parseStreamEvent: { call: protocol.parseStreamEvent, right: ["completion", '{"choices":[{"text":"a"}]}'] },
  errorMessage: { call: protocol.errorMessage, right: [{ error: { message: "a", code: 1 } }] },
  fromWireCandidates: { call: protocol.fromWireCandidates, right: [[{ id: 1, text: "a", probability: 0.5 }]] },
  toWireCandidates: {
    call: (given, count, options: object = {}, decoded: unknown = "a") =>
      protocol.toWireCandidates(given, { decode: () => decoded as string, count, ...options }),
    right: [candidates, 1, {}, "a"],
    options: [[2]],
  },
};

const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSet: true, withSparseArray: true, withTypedArray: true }); // prettier-ignore

describe.each(Object.entries(calls))("%s", (_, each) => {
  test("takes what is right", async () => {
    expect(await settledOrRefused(() => each.call(...(each.right as never[])))).toBe("settled");
  });

  test("throws its own error only", async () => {
    await fc.assert(
      fc.asyncProperty(anything, (wrong) => callWithEachPartWrong(each, wrong)),
      { numRuns: 60 },
    );
  });

  test("has no unknown option", async () => {
    for (const message of await callWithUnknownOptions(each, "counts"))
      expect(message).toMatch(/ has no option counts: did you mean count\?/);
  });
});

test("every public function is here", () => {
  expect(Object.keys(calls).sort()).toEqual(functionNames(protocol).sort());
});

test.each([
  [() => protocol.parseJson(5 as never, "it", "runtime"), "text must be a string, received 5"],
  [() => protocol.parseStreamEvent("text" as never, ""), 'kind must be one of "completion", "chat", received "text"'],
  [() => protocol.toWireCandidates([] as never, {} as never), "candidates must be a head's candidates { ids, logits"],
  [() => protocol.fromWireCandidates([{ id: -1, text: "", probability: 1 }]), "candidates at 0.id: "],
])("case %#", (call, message) => {
  expect(call).toThrow(message);
});
