import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byteAlphabet } from "./byte-level.js";
import { loadTokenizer } from "./load-tokenizer.js";
import type { LoadedTokenizer } from "./make-tokenizer.js";

/** Byte-level BPE with the merges of "aaaa", " b", "é" and "éé". */
function byteLevel(more: object = {}): LoadedTokenizer {
  const alphabet = byteAlphabet();
  const merges = [
    ["a", "a"],
    ["aa", "aa"],
    ["Ġ", "b"],
    ["Ã", "©"],
    ["Ã©", "Ã©"],
  ];
  const tokens = [...alphabet, ...merges.map((pair) => pair.join(""))];
  return loadTokenizer({
    tokenizerJson: {
      model: { type: "BPE", vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges },
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
      decoder: { type: "ByteLevel" },
      ...more,
    },
  });
}

const added = (content: string, more: object): object => ({
  added_tokens: [{ id: 300, content, special: true, normalized: false, lstrip: false, rstrip: false, ...more }],
});

/** As Llama's and Gemma's: characters, and bytes for those that have no token. */
function byteFallback(): LoadedTokenizer {
  const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`);
  const tokens = ["<unk>", ...bytes, "▁", "a", "b", "é", "▁a", "aa"];
  return loadTokenizer({
    tokenizerJson: {
      model: {
        ...{ type: "BPE", unk_token: "<unk>", fuse_unk: true, byte_fallback: true },
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
        merges: [
          ["▁", "a"],
          ["a", "a"],
        ],
      },
      normalizer: {
        type: "Sequence",
        normalizers: [
          { type: "Prepend", prepend: "▁" },
          { type: "Replace", pattern: { String: " " }, content: "▁" },
        ],
      },
      decoder: { type: "ByteFallback" },
    },
  });
}

const stories = (): LoadedTokenizer =>
  loadTokenizer({
    tokenizerJson: readFileSync(new URL("../../stories/model/tokenizer.json", import.meta.url), "utf8"),
  });

/** Whatever shrinks or joins: accents that compose, white space beside added tokens, runs, halves of pairs. */
const texts = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "a",
        "aaaaaaaa",
        " b",
        "e\u0301",
        "e\u0301".repeat(4),
        "\u0301",
        "\u212A",
        "ﬁ",
        "각",
        "\u1100\u1161\u11A8",
        "<s>",
        " ",
      ),
      fc.constantFrom("   <s>   ", "\n\t", "\u00A0", "字", "😀", "\uD800", "Once upon a time"),
      fc.string({ unit: "binary", maxLength: 8 }),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(""));

describe("the least number of tokens", () => {
  const tokenizers: readonly [string, LoadedTokenizer][] = [
    ["byte-level", byteLevel()],
    ["byte-level, NFC", byteLevel({ normalizer: { type: "NFC" } })],
    ["byte-level, NFKC", byteLevel({ normalizer: { type: "Sequence", normalizers: [{ type: "NFKC" }] } })],
    ["byte-level, a token that takes white space along", byteLevel(added("<s>", { lstrip: true, rstrip: true }))],
    ["byte-level, a token of its own", byteLevel(added("<s>", {}))],
    ["byte fallback", byteFallback()],
    ["the embedded model's", stories()],
  ];
  for (const [name, tokenizer] of tokenizers)
    it(`is never more than there are: ${name}`, () => {
      fc.assert(
        fc.property(texts, (text) => {
          expect(tokenizer.leastTokens(text)).toBeLessThanOrEqual(tokenizer.encode(text).length);
        }),
        { numRuns: 300, examples: [["e\u0301".repeat(400)], [`<s>${" ".repeat(400)}<s>`]] },
      );
      expect(tokenizer.leastTokens("a".repeat(1000))).toBeGreaterThan(50);
    });

  it("is what a text of the fullest tokens has", () => {
    const tokenizer = byteLevel();
    for (const text of ["a".repeat(4000), " b".repeat(500), "é".repeat(800), "x".repeat(9)])
      expect(tokenizer.leastTokens(text)).toBe(tokenizer.encode(text).length);
  });

  it("is more than any context for a million letters of the embedded model", () => {
    expect(stories().leastTokens("a".repeat(1_000_000))).toBeGreaterThan(100_000);
  });

  it("is nothing where a text may shrink by any factor", () => {
    const shrinking: object[] = [
      { normalizer: { type: "Strip", strip_left: true, strip_right: true } },
      { normalizer: { type: "Replace", pattern: { Regex: "a+" }, content: "a" } },
      { normalizer: { type: "StripAccents" } },
      { pre_tokenizer: { type: "Split", pattern: { String: "a" }, behavior: "Removed", invert: false } },
      { pre_tokenizer: { type: "WhitespaceSplit" } },
      { truncation: { max_length: 5, stride: 0, strategy: "LongestFirst", direction: "Right" } },
    ];
    for (const more of shrinking) expect(byteLevel(more).leastTokens("a".repeat(1000))).toBe(0);
    const words = loadTokenizer({
      tokenizerJson: {
        model: { type: "WordPiece", unk_token: "[UNK]", vocab: { "[UNK]": 0, a: 1 }, continuing_subword_prefix: "##" },
      },
    });
    // One unknown word, however long it is.
    expect([words.encode("a".repeat(1000)).length, words.leastTokens("a".repeat(1000))]).toEqual([1, 0]);
  });

  it("does not count characters that the vocabulary does not have", () => {
    const tokenizer = loadTokenizer({
      tokenizerJson: {
        model: { type: "BPE", vocab: { "<unk>": 0, a: 1 }, merges: [], unk_token: "<unk>", fuse_unk: true },
        pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
      },
    });
    expect([tokenizer.leastTokens("x".repeat(100)), tokenizer.leastTokens("a".repeat(100))]).toEqual([0, 100]);
  });
});
