import { describe, expect, it } from "vitest";
import type { WireLogprob, WireToken } from "../inference/messages.js";
import { chatForm, completionForm, usageOf, type TextEnd } from "./bodies.js";
import { byToken, chatToken, completionToken } from "./token-text.js";

const token = (id: number, bytes: readonly number[], logprob = -1, name = `name${id}`): WireToken => ({
  ...{ id, bytes, logprob, name },
});
const utf8 = (text: string): number[] => [...new TextEncoder().encode(text)];
const logprob = (one: WireToken, characters: number, top: readonly WireToken[] = []): WireLogprob => ({
  ...one,
  characters,
  top,
});
const head = { id: "x", created: 0, model: "m" };

describe("a token as text", () => {
  it("is its text, its bytes where they are no whole character, its name where it has none", () => {
    expect([token(1, utf8(" é")), token(2, [0xc3]), token(3, [])].map(chatToken)).toEqual([" é", "\\xc3", "name3"]);
    expect([token(1, utf8(" é")), token(2, [0xe2, 0x82]), token(3, [])].map(completionToken)).toEqual([
      " é",
      "bytes:\\xe2\\x82",
      "name3",
    ]);
    expect(chatToken(token(4, utf8("\uFEFFa")))).toBe("\uFEFFa");
  });

  it("loses none of the alternatives: of one text the likelier has it, the other its id", () => {
    const tokens = [token(7, utf8("a"), -0.5), token(9, utf8("a"), -2), token(3, [0xc3], -3), token(4, [0xc2], -4)];
    expect(byToken(tokens)).toEqual({ a: -0.5, "token_id:9": -2, "bytes:\\xc3": -3, "bytes:\\xc2": -4 });
    expect(Object.keys(byToken([token(1, utf8("__proto__")), token(2, [])]))).toEqual(["__proto__", "name2"]);
  });
});

describe("token-level fields", () => {
  // "aé😀b", whose é and 😀 are two tokens each.
  const [smile, rest] = [utf8("😀").slice(0, 2), utf8("😀").slice(2)];
  const logprobs = [
    logprob(token(1, utf8("a")), 1),
    logprob(token(2, [0xc3]), 0),
    logprob(token(3, [0xa9]), 1),
    logprob(token(4, smile), 0),
    logprob(token(5, rest), 1),
    logprob(token(6, utf8("b")), 1),
  ];
  const part = { index: 0, text: "aé😀b", logprobs, finishReason: "stop" as const, offset: 5 };
  const extent = { usage: usageOf([]), dropped: 0 };

  it("of completions: offsets count the characters that were complete before", () => {
    const { choices } = completionForm.whole(head, [part], extent) as {
      choices: [{ logprobs: { text_offset: number[]; tokens: string[] } }];
    };
    expect(choices[0].logprobs.text_offset).toEqual([5, 6, 6, 7, 7, 8]);
    expect(choices[0].logprobs.tokens[1]).toBe("bytes:\\xc3");
  });

  it("of chats: the bytes of all tokens are the text's", () => {
    const { choices } = chatForm.whole(head, [part], extent) as {
      choices: [{ logprobs: { content: { bytes: number[] }[] } }];
    };
    expect(choices[0].logprobs.content.flatMap(({ bytes }) => bytes)).toEqual(utf8("aé😀b"));
  });
});

describe("usage", () => {
  const text = (first: boolean, reusedTokens: number): TextEnd => ({
    first,
    end: {
      ...{ finishReason: "stop", tokens: 3 },
      statistics: {
        ...{ promptTokens: 10, reusedTokens, passes: 3, orders: {}, drafted: 0, accepted: 0 },
        seconds: { queued: 0, firstToken: 0, total: 0 },
      },
    },
  });

  it("counts a prompt, and what was there of it, once for all its texts", () => {
    // Two prompts of two texts each, in the order of their ends: the second text found the first one's prompt there.
    const usage = usageOf([text(false, 10), text(true, 2), text(true, 0), text(false, 10)]);
    expect(usage).toMatchObject({
      ...{ prompt_tokens: 20, completion_tokens: 12, total_tokens: 32 },
      prompt_tokens_details: { cached_tokens: 2 },
    });
  });
});
