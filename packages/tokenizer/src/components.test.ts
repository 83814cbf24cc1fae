import { readFileSync } from "node:fs";
import { DynamoError } from "@dynamo/core";
import { describe, expect, it } from "vitest";
import { loadTokenizer } from "./load-tokenizer.js";
import { readNormalizer } from "./normalizers.js";
import { findRegex } from "./pattern.js";
import { readPreTokenizer } from "./pre-tokenizers.js";
import { regularExpression } from "./regular-expression.js";

/** By Rust's tokenizers 0.23.2 (components.py); a text in place of cases, or of ids, is its error. */
const { normalizers, preTokenizers, wholes, classes } = JSON.parse(
  readFileSync(new URL("__fixtures__/components.json", import.meta.url), "utf8"),
) as {
  readonly normalizers: readonly { readonly config: object; readonly cases: readonly [string, string][] }[];
  readonly preTokenizers: readonly {
    readonly config: object;
    readonly cases: readonly [string, string[]][] | string;
  }[];
  /** Which characters of the sample a pattern matches. */
  readonly classes: { readonly sample: string; readonly matched: readonly [string, string][] };
  readonly wholes: readonly {
    readonly what: string;
    readonly parts: object;
    readonly specialTokens: "recognise" | "text";
    readonly cases: readonly [string, number[] | string][];
  }[];
};

describe("normalisers give what Rust's do", () => {
  for (const { config, cases } of normalizers) {
    it(JSON.stringify(config), () => {
      const normalize = readNormalizer(config, regularExpression);
      for (const [text, right] of cases)
        expect([text, normalize?.({ text, moved: false }).text]).toEqual([text, right]);
    });
  }
});

describe("pre-tokenisers give what Rust's do", () => {
  for (const { config, cases } of preTokenizers) {
    it(JSON.stringify(config), () => {
      if (typeof cases === "string") {
        expect(() => readPreTokenizer(config, regularExpression)).toThrow(DynamoError);
        return;
      }
      const split = readPreTokenizer(config, regularExpression);
      for (const [text, right] of cases) {
        const words = (text === "" ? [] : split([{ text, first: true }])).map((piece) => piece.text);
        expect([text, words]).toEqual([text, right]);
      }
    });
  }
});

describe("whole tokenizers give the ids that Rust's do", () => {
  for (const { what, parts, specialTokens, cases } of wholes) {
    it(what, () => {
      const { encode } = loadTokenizer({ tokenizerJson: parts });
      const options = { specialTokens };
      for (const [text, right] of cases) {
        if (typeof right === "string") expect(() => encode(text, options)).toThrow(DynamoError);
        else expect([text, [...encode(text, options)]]).toEqual([text, right]);
      }
    });
  }
});

describe("regular expressions match the characters that Oniguruma's do", () => {
  for (const [pattern, right] of classes.matched) {
    it(pattern, () => {
      const regex = regularExpression(pattern, "here");
      const matched = Array.from(classes.sample).filter((character) => findRegex(character, regex).length > 0);
      expect(matched.join("")).toBe(right);
    });
  }

  it.each(["\\X", "\\Ka", "\\Ga", "(", "a".repeat(70_000)])("%s is refused", (pattern) => {
    expect(() => regularExpression(pattern, "here")).toThrow(DynamoError);
  });
});
