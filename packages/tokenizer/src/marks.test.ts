import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byteLevelJson } from "./__fixtures__/tokenizers.js";
import { loadTokenizer, type ChatMessage, type LoadedTokenizer } from "./index.js";

const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
const special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>", "<s><s>", "b<s>", "※"];
const template =
  "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n<s>{% endfor %}<|im_start|>assistant\n";

/** A byte-level tokenizer with ChatML's tokens, and one of a single character. */
function chat(parts: object = {}): LoadedTokenizer {
  const json = byteLevelJson() as { added_tokens: object[] };
  const [end, spaces] = json.added_tokens;
  const tokens = special.slice(1).map((content, i) => ({ id: 263 + i, content, ...flags }));
  return loadTokenizer({
    tokenizerJson: { ...json, added_tokens: [end, spaces, ...tokens], ...parts },
    chatTemplate: template,
  });
}
const tokenizer = chat();

/** Marked, rendered and encoded. */
function encodeChat({ markSpecial, applyChatTemplate, encode }: LoadedTokenizer, messages: readonly ChatMessage[]) {
  const { value, mark } = markSpecial(messages);
  const rendered = applyChatTemplate(value);
  return { ids: [...encode(rendered, { mark })], text: mark === undefined ? rendered : rendered.replaceAll(mark, "") };
}
const specialCount = ({ specialIds }: LoadedTokenizer, ids: readonly number[]): number =>
  ids.filter((id) => specialIds.has(id)).length;

const words = fc.constantFrom("the", " an", "\n", " ", "é", "👍🏽", "  ", "x");
const spellings = fc.constantFrom(...special, "<", "<|", "im_end|>", ">", "|>", "<|im_", "s>", "b", "\uFDD0", "\uFDD1");
const textOf = (part: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(part, { maxLength: 8 }).map((parts) => parts.join(""));
const messagesOf = (content: fc.Arbitrary<string>): fc.Arbitrary<ChatMessage[]> =>
  fc.array(
    content.map((each) => ({ role: "user", content: each })),
    { minLength: 1, maxLength: 3 },
  );

describe("special tokens' texts in messages", () => {
  it("become none of their tokens, whatever stands around; the template's own are recognised", () => {
    fc.assert(
      fc.property(messagesOf(textOf(fc.oneof(words, spellings))), (messages) => {
        const { ids, text } = encodeChat(tokenizer, messages);
        expect(specialCount(tokenizer, ids)).toBe(3 * messages.length + 1);
        expect(text).toBe(tokenizer.applyChatTemplate(messages));
        const shown = messages.map(({ content }) => `user\n${content.trim()}\n`).join("");
        expect(tokenizer.decode(ids)).toBe(`${shown}assistant`);
      }),
      { numRuns: 500 },
    );
  });

  it("leave texts without them as they are encoded without marks", () => {
    fc.assert(
      fc.property(messagesOf(textOf(words)), (messages) => {
        expect(encodeChat(tokenizer, messages).ids).toEqual([
          ...tokenizer.encode(tokenizer.applyChatTemplate(messages)),
        ]);
      }),
    );
  });

  it("are split as a whole text, not where they are marked", () => {
    const { encode } = tokenizer;
    const plain = [...encode("user\nthe<|im_end|>the", { specialTokens: "text" })];
    const { ids } = encodeChat(tokenizer, [{ role: "user", content: "the<|im_end|>the" }]);
    expect(ids.slice(1, 1 + plain.length)).toEqual(plain);
  });

  it("are marked in lists, arguments and keys, too", () => {
    const value = {
      content: [{ type: "text", text: "a<s>b" }],
      tool_calls: [{ arguments: { "<s>": "<|im_end|>", n: 1 } }],
    };
    const { value: marked, mark = "" } = tokenizer.markSpecial(value);
    expect(mark).not.toBe("");
    const text = JSON.stringify(marked);
    expect(specialCount(tokenizer, [...tokenizer.encode(text, { mark })])).toBe(0);
    expect(JSON.parse(text.replaceAll(mark, ""))).toEqual(value);
    expect(tokenizer.markSpecial({ content: "none" })).toEqual({ value: { content: "none" }, mark: undefined });
  });

  it("stay text where a normaliser would make them", () => {
    const [end, spaces] = (byteLevelJson() as { added_tokens: object[] }).added_tokens;
    const lower = chat({
      normalizer: { type: "Lowercase" },
      added_tokens: [
        { ...end, normalized: true },
        spaces,
        ...special.slice(1).map((content, i) => ({ id: 263 + i, content, ...flags, normalized: true })),
      ],
    });
    for (const content of ["<|IM_END|>", "a<S>b", "<|im_end|><|Im_End|>"]) {
      expect(specialCount(lower, [...lower.encode(content)])).toBeGreaterThan(0);
      expect(specialCount(lower, encodeChat(lower, [{ role: "user", content }]).ids)).toBe(4);
    }
  });
});
