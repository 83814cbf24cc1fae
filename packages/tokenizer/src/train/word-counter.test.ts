import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createWordCounter, type WordLimits } from "./word-counter.js";

function counted(text: string, limits?: WordLimits): Record<string, number> {
  const counter = createWordCounter(limits);
  counter.add(text);
  return Object.fromEntries(counter.words);
}

describe("the word counter", () => {
  it("cuts as GPT-2 does", () => {
    expect(counted("It's  12 cats,\n\nit's")).toEqual({
      It: 1,
      "'s": 2,
      " ": 1,
      " 12": 1,
      " cats": 1,
      ",": 1,
      "\n": 2,
      it: 1,
    });
  });

  it("loses no character, unless it is half of one", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
        const letters = Object.entries(counted(text)).reduce((sum, [word, seen]) => sum + word.length * seen, 0);
        expect(letters).toBe(text.length);
      }),
    );
    expect(counted("\uD83D \uD83D \uFFFD")).toEqual({ "\uFFFD": 1, " \uFFFD": 2 });
  });

  it("counts long runs as several words, and cuts no character", () => {
    expect(counted("𝒳".repeat(2500))).toEqual({ ["𝒳".repeat(1024)]: 2, ["𝒳".repeat(452)]: 1 });
  });

  it("forgets the rarer half when there are too many words", () => {
    expect(counted(" a a a b b c d e", { words: 4 })).toEqual({ " a": 3, " b": 2 });
    expect(counted(" a a a b b c d e f", { words: 4 })).toEqual({ " a": 3, " b": 2, " f": 1 });
  });

  it("forgets the rarer half when the words are too long", () => {
    expect(counted(" aa aa bbbb cccc", { characters: 10 })).toEqual({ " aa": 2 });
  });

  it("stays within its limits", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom("a", "b", "c", " "), maxLength: 60 })), (texts) => {
        const counter = createWordCounter({ words: 5, characters: 20 });
        for (const text of texts) counter.add(text);
        expect(counter.words.size).toBeLessThanOrEqual(5);
        expect([...counter.words.keys()].join("").length).toBeLessThanOrEqual(20);
      }),
    );
  });
});
