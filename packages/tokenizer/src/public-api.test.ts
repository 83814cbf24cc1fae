import { DynamoError } from "@dynamo/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byteFallbackJson, byteLevelJson, wordPieceJson } from "./__fixtures__/tokenizers.js";
import { loadTokenizer } from "./index.js";

const tokenizer = loadTokenizer({ tokenizerJson: byteLevelJson() });
const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withTypedArray: true,
  withSparseArray: true,
});

/** What a caller in plain JavaScript may do: whatever it is, only a DynamoError comes out. */
function tried(call: () => unknown): void {
  try {
    call();
  } catch (error) {
    if (!DynamoError.is(error)) throw error;
  }
}

it("only DynamoErrors come out of loadTokenizer, whatever one of a file's settings is", () => {
  const files = [byteLevelJson(), byteFallbackJson(), wordPieceJson()];
  const places = ["normalizer", "pre_tokenizer", "decoder", "post_processor", "added_tokens", "model", "version"];
  const component = fc.record({
    type: fc.constantFrom(
      "Sequence",
      "Split",
      "Replace",
      "Metaspace",
      "Strip",
      "ByteLevel",
      "BPE",
      "Unigram",
      "WordPiece",
    ),
    pattern: anything,
    behavior: anything,
    content: anything,
    vocab: anything,
    merges: anything,
    decoders: anything,
  });
  fc.assert(
    fc.property(
      fc.constantFrom(...files),
      fc.constantFrom(...places),
      fc.oneof(anything, component),
      (file, place, value) => {
        tried(() => {
          const { encode, decode } = loadTokenizer({ tokenizerJson: { ...file, [place]: value } });
          decode(encode("The cat sat.\n"));
        });
      },
    ),
    { numRuns: 500 },
  );
});

describe("options and arguments that are not known are refused by name", () => {
  const refusals: [string, () => unknown, RegExp][] = [
    [
      "an option of loadTokenizer",
      () => loadTokenizer({ tokenizerJson: byteLevelJson(), chatTemplates: "" } as never),
      /chatTemplates.*did you mean chatTemplate\?/,
    ],
    ["a file that is none", () => loadTokenizer({ tokenizerJson: 3 }), /tokenizerJson must be .* received 3/],
    [
      "a promise as text",
      () => tokenizer.encode(Promise.resolve("a") as never),
      /text must be a string, received a Promise/,
    ],
    [
      "an option of encode",
      () => tokenizer.encode("a", { specialToken: "text" } as never),
      /specialToken.*did you mean specialTokens\?/,
    ],
    [
      "another value of it",
      () => tokenizer.encode("a", { specialTokens: "ignore" as never }),
      /specialTokens must be one of "recognise", "text", received "ignore"/,
    ],
    ["one id in place of a list", () => tokenizer.decode(3 as never), /ids must be a list of token ids, received 3/],
    ["a text as an id", () => tokenizer.decode(["3"] as never), /token id must be a whole number, received "3"/],
    ["half an id", () => tokenizer.tokenBytes(0.5), /token id must be a whole number, received 0.5/],
  ];
  it.each(refusals)("%s", (_name, call, message) => {
    expect(call).toThrow(message);
    expect(call).toThrow(DynamoError);
  });
});

it("takes half a surrogate pair as the replacement character", () => {
  expect(tokenizer.encode("a\uD83Db\uDE00")).toEqual(tokenizer.encode("a\uFFFDb\uFFFD"));
  expect(tokenizer.decode(tokenizer.encode("\uD83D"))).toBe("\uFFFD");
});
