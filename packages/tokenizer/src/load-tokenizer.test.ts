import { describe, expect, it } from "vitest";
import { byteLevelJson } from "./__fixtures__/tokenizers.js";
import { loadTokenizer, openTokenizer } from "./index.js";

const digits = { type: "Split", pattern: { Regex: "\\h{2}|\\p{N}" }, behavior: "Isolated", invert: false };
const bytes = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
const inSequence = (...parts: object[]): object => ({ type: "Sequence", pretokenizers: parts });

describe("a tokenizer that waits for what its file needs", () => {
  it.each([
    ["without expressions", {}],
    ["with one among its pre-tokenisers", { pre_tokenizer: inSequence(inSequence(digits), bytes) }],
    ["with one among its normalisers", { normalizer: { type: "Replace", pattern: { Regex: "a+" }, content: "b" } }],
    ["with a pattern that is a text", { normalizer: { type: "Replace", pattern: { String: "aa" }, content: "b" } }],
  ])("is the one that is there at once: %s", async (_, parts) => {
    const files = { tokenizerJson: { ...(byteLevelJson() as object), ...parts } };
    const [opened, loaded] = [await openTokenizer(files), loadTokenizer(files)];
    for (const text of ["12ab aaa 9", "Once upon a time", ""]) expect(opened.encode(text)).toEqual(loaded.encode(text));
  });

  it("is refused in the same words", async () => {
    const circle: Record<string, unknown> = { type: "Nothing" };
    circle["self"] = circle;
    const bad = { ...digits, pattern: { Regex: "(" } };
    for (const pre_tokenizer of [circle, bad, inSequence({ type: "Split", pattern: { Regex: 5 } })]) {
      const files = { tokenizerJson: { ...(byteLevelJson() as object), pre_tokenizer } };
      const said = (): string => {
        try {
          loadTokenizer(files);
          return "";
        } catch (error) {
          return (error as Error).message;
        }
      };
      expect(said()).toMatch(/^tokenizer\.json: pre_tokenizer/);
      await expect(openTokenizer(files)).rejects.toMatchObject({ name: "DynamoError", message: said() });
    }
    await expect(openTokenizer(undefined as never)).rejects.toThrow(/^openTokenizer\(\)/);
  });
});
