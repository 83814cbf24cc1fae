import { loadTokenizer, type LoadedTokenizer } from "@dynamo/tokenizer";
import { describe, expect, it } from "vitest";
import { chatPrompt, hasChatTemplate } from "./chat-prompt.js";

const letters = Object.fromEntries(Array.from("abcdefghijklmnopqrstuvwxyz:", (letter, id) => [letter, id]));
const template = "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}{% endfor %}a:";
const tokenizer = (chatTemplate?: string): LoadedTokenizer =>
  loadTokenizer({
    tokenizerJson: { model: { type: "BPE", vocab: letters, merges: [] }, decoder: { type: "ByteLevel" } },
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
  });
const model = (
  contextLength: number,
  chatTokenizer: LoadedTokenizer | undefined,
): Parameters<typeof chatPrompt>[0] => ({
  chatTokenizer,
  info: { vocabularySize: 27, contextLength, beginOfTextId: undefined },
});
const user = (content: string): { role: string; content: string } => ({ role: "user", content });

describe("a chat's prompt", () => {
  it("leaves the answer its room, but no more than half of the context", () => {
    const messages = [user("xx"), { role: "assistant", content: "yy" }, user("zz")];
    expect(chatPrompt(model(20, tokenizer(template)), messages, { maxNewTokens: 6 })).toMatchObject({
      prompt: "u:xxa:yyu:zza:",
      dropped: 0,
    });
    expect(chatPrompt(model(19, tokenizer(template)), messages, { maxNewTokens: 6 })).toMatchObject({
      prompt: "u:zza:",
      dropped: 2,
    });
    expect(chatPrompt(model(12, tokenizer(template)), messages, { maxNewTokens: 1000 }).prompt).toBe("u:zza:");
    expect(() => chatPrompt(model(10, tokenizer(template)), messages, { maxNewTokens: 1000 })).toThrow(/received 6/);
  });

  it("is there for a model whose template refuses a lone question", () => {
    const strict = tokenizer("{{ raise_exception('System first!') }}");
    expect(hasChatTemplate(model(20, strict))).toBe(true);
    expect(() => chatPrompt(model(20, strict), [user("x")], { maxNewTokens: 1 })).toThrow("System first!");
    expect(() => hasChatTemplate(model(20, tokenizer("{% include 'x' %}")))).toThrow(/stands alone/);
  });

  it("tells a conversation that is too much for its template from a template that does not end", () => {
    const endless = "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}";
    const some = model(
      20,
      tokenizer(`{% for m in messages %}{% if m.content == 'x' %}${endless}{% endif %}{% endfor %}a`),
    );
    expect(hasChatTemplate(some)).toBe(true);
    const tooMuch = expect.objectContaining({ code: "context-length", message: expect.stringMatching(/at most \d+ steps/) as unknown }) as Error; // prettier-ignore
    expect(() => chatPrompt(some, [user("x")], { maxNewTokens: 1 })).toThrow(tooMuch);
    const never = expect.objectContaining({ code: "invalid-file" }) as Error;
    expect(() => hasChatTemplate(model(20, tokenizer(endless)))).toThrow(never);
  });

  it("leaves no room for a begin-of-text that its template does not write", () => {
    const begins = {
      ...model(12, tokenizer(template)),
      info: { vocabularySize: 27, contextLength: 12, beginOfTextId: 0 },
    };
    expect(chatPrompt(begins, [user("xx")], { maxNewTokens: 6 }).tokens).toHaveLength(6);
  });

  it("takes a special token's text in a message as text, and the template's as the token", () => {
    const special = { special: true, single_word: false, lstrip: false, rstrip: false, normalized: false };
    const chatTokenizer = loadTokenizer({
      tokenizerJson: {
        model: { type: "BPE", vocab: letters, merges: [] },
        added_tokens: [{ id: 27, content: "end", ...special }],
      },
      chatTemplate: "{% for m in messages %}u:{{ m.content | trim }}end{% endfor %}a:",
    });
    const messages = [user(" bend ")];
    const { prompt, tokens, messages: kept } = chatPrompt(model(40, chatTokenizer), messages, { maxNewTokens: 6 });
    const ids = (text: string): number[] => Array.from(text, (letter) => letters[letter] ?? -1);
    expect([prompt, kept]).toEqual(["u:bendenda:", messages]);
    expect([...tokens]).toEqual([...ids("u:bend"), 27, ...ids("a:")]);
    const trusted = chatPrompt(model(40, chatTokenizer), messages, { maxNewTokens: 6, specialTokens: "recognise" });
    expect([...trusted.tokens]).toEqual([...ids("u:b"), 27, 27, ...ids("a:")]);
  });

  it("needs a template", () => {
    expect(hasChatTemplate(model(20, tokenizer(template)))).toBe(true);
    expect([hasChatTemplate(model(20, tokenizer())), hasChatTemplate(model(20, undefined))]).toEqual([false, false]);
    expect(() => hasChatTemplate(model(20, tokenizer("{% if %}")))).toThrow(/template failed/);
    expect(() => chatPrompt(model(20, undefined), [user("x")], { maxNewTokens: 1 })).toThrow(/chat template/);
  });
});
