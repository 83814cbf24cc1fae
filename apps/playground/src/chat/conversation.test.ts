import { describe, expect, it } from "vitest";
import type { Pass } from "../passes/pass.js";
import { messagesOf, newTurn, textOf, type Turn } from "./conversation.js";

const step = {
  positions: [],
  drafted: 0,
  accepted: 0,
  context: new Int32Array(),
  draws: [],
  remaining: 1,
  trace: undefined,
};
const pass = (text: string): Pass => ({ index: 0, text, tokens: [1], order: 1, seconds: 0, step });
const turn = (question: string, ...texts: string[]): Turn => ({
  ...newTurn(question, String),
  passes: texts.map(pass),
});

describe("a conversation", () => {
  it("is what was asked and answered, and the new question", () => {
    expect(textOf(turn("a", " b", "c "))).toBe(" bc ");
    expect(messagesOf([turn("a", " b", "c "), turn("d", "e")], "f")).toEqual([
      { role: "user", content: "a" },
      { role: "assistant", content: "bc" },
      { role: "user", content: "d" },
      { role: "assistant", content: "e" },
      { role: "user", content: "f" },
    ]);
  });

  it("leaves out what was never answered", () => {
    expect(messagesOf([{ ...turn("too long"), error: "no room" }], "f")).toEqual([{ role: "user", content: "f" }]);
  });
});
