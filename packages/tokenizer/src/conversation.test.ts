import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ChatMessage } from "./chat-template.js";
import { fitConversation } from "./conversation.js";

const template = (messages: readonly ChatMessage[]): string => messages.map(({ content }) => content).join("");
const fit = (messages: readonly ChatMessage[], limit: number): ReturnType<typeof fitConversation> =>
  fitConversation(messages, { template, count: (text) => text.length, limit });
const user = (content: string): ChatMessage => ({ role: "user", content });
const assistant = (content: string): ChatMessage => ({ role: "assistant", content });
const system: ChatMessage = { role: "system", content: "SS" };

describe("fitConversation", () => {
  it("keeps everything that fits", () => {
    const all = [system, user("aa"), assistant("bb"), user("cc")];
    expect(fit(all, 8)).toEqual({ prompt: "SSaabbcc", messages: all, dropped: 0 });
  });

  it("drops the oldest question with its answer, and keeps the system's message", () => {
    expect(fit([system, user("aa"), assistant("bb"), user("cc")], 7)).toMatchObject({ prompt: "SScc", dropped: 2 });
  });

  it("refuses a question that is too long alone", () => {
    expect(() => fit([system, user("aa"), assistant("b"), user("ccc")], 4)).toThrow(/at most 4 tokens .* received 5/);
  });

  it("gives the longest end of the conversation that begins with a question and fits", () => {
    const turn = fc.tuple(fc.string({ maxLength: 5 }), fc.string({ maxLength: 5 }));
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 6 }), fc.nat(40), (turns, limit) => {
        const all = [...turns.flatMap(([question, answer]) => [user(question), assistant(answer)]), user("?")];
        const ends = all.flatMap(({ role }, i) => (role === "user" ? [template(all.slice(i))] : []));
        const expected = ends.find((text) => text.length <= limit);
        if (expected === undefined) expect(() => fit(all, limit)).toThrow();
        else expect(fit(all, limit).prompt).toBe(expected);
      }),
    );
  });
});
