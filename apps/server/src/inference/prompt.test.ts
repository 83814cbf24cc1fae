import { readFileSync } from "node:fs";
import { loadTokenizer, type LoadedTokenizer } from "@dynamo/tokenizer";
import { expect, test } from "vitest";
import { preparePrompt } from "./prompt.js";

const file = new URL("../../../../packages/stories/model/tokenizer.json", import.meta.url);
const chatTemplate = "{% for m in messages %}{{ m.content }}\n{% endfor %}";
const tokenizer = loadTokenizer({ tokenizerJson: readFileSync(file, "utf8"), chatTemplate });

/** What was encoded, by its length. */
function reader(
  chatTokenizer: LoadedTokenizer = tokenizer,
): Parameters<typeof preparePrompt>[0] & { encoded: number[] } {
  const encoded: number[] = [];
  const encode = (text: string): Int32Array => {
    encoded.push(text.length);
    return tokenizer.encode(text);
  };
  const info = { contextLength: 512, vocabularySize: 4096, beginOfTextId: 0 };
  return { chatTokenizer: { ...chatTokenizer, encode }, info, encoded };
}
const prepare = (prompt: Parameters<typeof preparePrompt>[1]["prompt"], from = reader()): unknown => {
  try {
    return preparePrompt(from, { prompt, maxNewTokens: 16 });
  } catch (error) {
    return String(error);
  }
};

test("text, ids and conversations become ids", () => {
  const ids = tokenizer.encode("Once upon a time");
  expect(prepare("Once upon a time")).toEqual({ text: "Once upon a time", ids, dropped: 0 });
  expect(prepare(Array.from(ids))).toEqual({ text: "Once upon a time", ids, dropped: 0 });
  const messages = [{ role: "user", content: "Once upon a time" }];
  expect(prepare({ messages })).toMatchObject({ text: "Once upon a time\n", dropped: 0 });
  expect(prepare([4096])).toMatch(/from 0 to 4095, received 4096/);
});

test("a special token's text is the token in a prompt, and text in a message", () => {
  const end = tokenizer.tokenToId("<|endoftext|>");
  const idsOf = (prompt: Parameters<typeof prepare>[0]): number[] => [
    ...preparePrompt({ ...reader(), chatTokenizer: tokenizer }, { prompt, maxNewTokens: 16 }).ids,
  ];
  expect(idsOf("a<|endoftext|>b")).toContain(end);
  const spelt = idsOf({ messages: [{ role: "user", content: "a<|endoftext|>b" }] });
  expect(spelt).not.toContain(end);
  expect(tokenizer.decode(spelt)).toBe("a<|endoftext|>b\n");
});

test("what is far too long is refused without being encoded", () => {
  for (const text of ["a".repeat(1_000_000), "word ".repeat(100_000), " ".repeat(1_000_000)]) {
    const from = reader();
    expect(prepare(text, from)).toMatch(/has at least \d+ tokens, the context holds 512/);
    expect(prepare({ messages: [{ role: "user", content: text }] }, from)).toMatch(/received at least \d+/);
    expect(from.encoded).toEqual([]);
  }
  expect(prepare(new Array<number>(600).fill(5))).toMatch(/the prompt has 600 tokens, the context holds 512/);
});

test("a tokenizer without a bound has one of 256 characters per token", () => {
  const from = reader({ ...tokenizer, leastTokens: () => 0 });
  expect(prepare("a".repeat(512 * 256), from)).toMatch(/has at least 512 tokens/);
  expect(from.encoded).toEqual([]);
  expect(prepare("word ".repeat(600), from)).toMatch(/the prompt has 60\d tokens/);
});

test("thousands of turns are rendered and encoded as far as the context goes", () => {
  const messages = Array.from({ length: 8001 }, (_, i) => ({
    role: i % 2 === 0 ? "user" : "assistant",
    content: "ten words that are short and a few more here",
  }));
  const from = reader();
  expect(prepare({ messages }, from)).toMatchObject({ dropped: expect.any(Number) as unknown });
  expect(from.encoded.length).toBeLessThan(16);
  expect(Math.max(...from.encoded)).toBeLessThan(10_000);
});

test("a model without a tokenizer takes ids only", () => {
  const from = { ...reader(), chatTokenizer: undefined };
  expect(prepare([5, 6], from)).toEqual({ text: "", ids: Int32Array.of(5, 6), dropped: 0 });
  expect(prepare("a", from)).toMatch(/expected token ids, received text/);
});
