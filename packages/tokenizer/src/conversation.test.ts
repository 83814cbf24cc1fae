import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ChatMessage } from "./chat-template.js";
import { fitConversation, type FittedPrompt } from "./conversation.js";

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

  /** As it was defined first: turn after turn is dropped until the rest fits. */
  function oneByOne(all: readonly ChatMessage[], limit: number): FittedPrompt | undefined {
    const beginning = all[0]?.role === "system" ? all.slice(0, 1) : [];
    let turns = all.slice(beginning.length);
    for (;;) {
      const messages = [...beginning, ...turns];
      const prompt = template(messages);
      if (prompt.length <= limit) return { prompt, messages, dropped: all.length - messages.length };
      const next = turns.findIndex(({ role }, i) => i > 0 && role === "user");
      if (next === -1) return undefined;
      turns = turns.slice(next);
    }
  }

  it("gives what dropping one turn after the other gives, for any order of roles", () => {
    const message = fc.record({
      role: fc.constantFrom("user", "user", "assistant", "system"),
      content: fc.string({ maxLength: 6 }),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 40 }), fc.nat(120), (all, limit) => {
        const expected = oneByOne(all, limit);
        if (expected === undefined) expect(() => fit(all, limit)).toThrow(/too long for the model/);
        else expect(fit(all, limit)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it("renders of a long conversation what the limit has room for", () => {
    const all = Array.from({ length: 10_000 }, (_, i) => (i % 2 === 0 ? user("a question") : assistant("an answer")));
    const rendered: number[] = [];
    const counted: number[] = [];
    const options = {
      template(messages: readonly ChatMessage[]) {
        rendered.push(messages.length);
        return template(messages);
      },
      count(text: string) {
        counted.push(text.length);
        return text.length;
      },
      least: (text: string) => Math.floor(text.length / 2),
      limit: 1000,
    };
    const { prompt, dropped } = fitConversation([...all, user("the last")], options);
    expect(prompt.length).toBeLessThanOrEqual(1000);
    expect(prompt.length).toBeGreaterThan(1000 - 20);
    expect(prompt).toBe(template([...all, user("the last")].slice(dropped)));
    expect(rendered.length).toBeLessThan(16);
    // The longest that is rendered has twice as many turns as fit; nothing of more than twice the limit is counted.
    expect(rendered.every((messages) => messages < 220)).toBe(true);
    expect(Math.max(...counted)).toBeLessThanOrEqual(2001);
  });

  it("leaves out what no tokenizer would bring into the limit before the template sees it", () => {
    const seen: number[] = [];
    const counting = (messages: readonly ChatMessage[]): string => {
      seen.push(template(messages).length);
      return template(messages);
    };
    const all = Array.from({ length: 1000 }, () => user("x".repeat(1000)));
    const options = { template: counting, count: (text: string) => text.length / 100, limit: 10 };
    expect(fitConversation(all, options).dropped).toBe(999);
    expect(Math.max(...seen)).toBeLessThanOrEqual(2560);
    const one = { template: counting, count: () => expect.unreachable("counted"), limit: 10 };
    expect(() => fitConversation([user("x".repeat(100_000))], one)).toThrow(/received at least 391/);
  });
});
