/** The public functions in the hands of plain JavaScript: whatever they are given, only a DynamoError comes out. */
import { callContract } from "@dynamo/call-contract";
import { functionNames, type PublicCall } from "@dynamo/core/testing";
import { expect, test } from "vitest";
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

callContract(calls, { runs: 60, unknownOption: ["counts", / has no option counts: did you mean count\?/] });

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
