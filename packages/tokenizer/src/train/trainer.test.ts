import { DynamoError } from "@dynamo/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadTokenizer, type LoadedTokenizer } from "../index.js";
import { createBpeTrainer, tokenizerConfig, type BpeTokenizerJson, type BpeTrainingOptions } from "./index.js";

const story = [
  "Once upon a time there was a little cat. The cat sat on the mat, and the mat was flat.",
  "“That's the cat's hat,” said the dog. It wasn't: the hat was 12 or 13 years old.\n\nThe end. 👩‍🚀 naïve",
];
const end = "<|endoftext|>";

function trained(texts: readonly string[], options: Partial<BpeTrainingOptions> = {}): BpeTokenizerJson {
  const trainer = createBpeTrainer({ vocabularySize: 300, ...options });
  for (const text of texts) trainer.add(text);
  return trainer.finish();
}

/** Through text, as a file would be. */
const loaded = (json: BpeTokenizerJson): LoadedTokenizer =>
  loadTokenizer({ tokenizerJson: JSON.stringify(json), tokenizerConfig: tokenizerConfig() });

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return DynamoError.is(error) ? error.code : "another error";
  }
  return undefined;
}

describe("a trained tokenizer", () => {
  const tokenizer = loaded(trained(story));

  it("round-trips any text", () => {
    for (const unit of ["grapheme", "binary"] as const)
      fc.assert(
        fc.property(fc.string({ unit, maxLength: 40 }), (text) => tokenizer.decode(tokenizer.encode(text)) === text),
      );
  });

  it("encodes with what it learnt", () => {
    const { model } = trained([" hat hat hat hot"]);
    // Pairs: "Ġ h" 4, then "a t" and "Ġh a" 3: "a" has the smaller id. "h a" is gone with "Ġ h".
    expect(model.merges).toEqual(["Ġ h", "a t", "Ġh at"]);
    const small = loaded(trained([" hat hat hat hot"]));
    const names = (text: string): (string | undefined)[] => Array.from(small.encode(text), (id) => small.idToToken(id));
    expect(names(" hat hot that")).toEqual(["Ġhat", "Ġh", "o", "t", "Ġ", "t", "h", "at"]);
  });

  it("encodes words as training left them", () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "é", " ", "\n", "1"), maxLength: 30 }), {
      minLength: 1,
    });
    fc.assert(
      fc.property(texts, (corpus) => {
        fc.pre(corpus.join("") !== "");
        const json = trained(corpus, { minFrequency: 1, maxTokenLength: 1000, vocabularySize: 5000 });
        // Every pair has become a token: nothing is left to merge within a word.
        const full = loaded(json);
        for (const [word] of corpus.join("\n").matchAll(/ ?[abé]+(?=\n|$)/gu)) expect(full.encode(word).length).toBe(1);
      }),
    );
  });

  it("has the special tokens first, then the bytes, then the merges", () => {
    const specialTokens = [end, "<|user|>", "<|user|>s"];
    const json = trained(story, { specialTokens, vocabularySize: 275 });
    const ids = Object.values(json.model.vocab).sort((a, b) => a - b);
    expect(ids).toEqual(Array.from({ length: 275 }, (_, id) => id));
    expect(specialTokens.map((token) => json.model.vocab[token])).toEqual([0, 1, 2]);
    expect(json.model.vocab["!"]).toBe(3);
    expect(json.model.merges).toHaveLength(275 - 256 - 3);
    const special = loaded(json);
    expect(special.specialIds).toEqual(new Set([0, 1, 2]));
    expect([...special.encode(`<|user|>${end}`)]).toEqual([1, 0]);
    expect(special.decode([1, 0])).toBe("");
  });

  it("learns nothing of special tokens, also where one begins another", () => {
    const specialTokens = ["<a", "<a>", "(.)"];
    const texts = ["<a>x y<a>x y(.)", "<ax y"];
    expect(trained(texts, { specialTokens }).model).toEqual(trained(["x y", "x y", "x y"], { specialTokens }).model);
    expect(trained(["<a"], { specialTokens: [] }).model.merges).toEqual([]);
  });

  it("keeps tokens whose names mean something to JavaScript", () => {
    const json = trained([" __proto__ 10 10 constructor".repeat(3)], { vocabularySize: 400 });
    const odd = loaded(json);
    expect(odd.encode("__proto__").length).toBeLessThan(9);
    expect(odd.decode(odd.encode(" __proto__ 10 constructor"))).toBe(" __proto__ 10 constructor");
    expect(Object.keys(json.model.vocab)).toHaveLength(256 + 1 + json.model.merges.length);
  });

  it("is the same, byte for byte, for the same documents in any order", () => {
    const document = fc.string({ unit: fc.constantFrom("a", "b", "c", " ", "é", "👩", "'", "\n"), maxLength: 30 });
    fc.assert(
      fc.property(
        fc
          .array(document, { minLength: 1, maxLength: 8 })
          .chain((documents) =>
            fc.tuple(fc.constant(documents), fc.shuffledSubarray(documents, { minLength: documents.length })),
          ),
        ([documents, shuffled]) => {
          fc.pre(documents.join("") !== "");
          expect(JSON.stringify(trained(shuffled))).toBe(JSON.stringify(trained(documents)));
        },
      ),
    );
  });

  it("is smaller than asked for when pairs run out, and makes no token longer than allowed", () => {
    expect(Object.keys(trained(["ab"]).model.vocab)).toHaveLength(257);
    expect(Object.keys(trained(["ab"], { minFrequency: 1 }).model.vocab)).toHaveLength(258);
    // aa, aaaa; then no eight of them.
    const { model } = trained(["a".repeat(40), "a".repeat(40)], { maxTokenLength: 7 });
    const lengths = model.merges.map((merge) => merge.length - 1);
    expect(Math.max(...lengths)).toBe(4);
  });

  it("may be finished, given more text, and finished again", () => {
    const trainer = createBpeTrainer({ vocabularySize: 300 });
    trainer.add(story[0] ?? "");
    expect(trainer.finish()).toEqual(trained(story.slice(0, 1)));
    trainer.add(story[1] ?? "");
    expect(trainer.finish()).toEqual(trained(story));
  });
});

describe("training", () => {
  it("tells how far it is", () => {
    const calls: unknown[][] = [];
    trained(["abab", "cd"], { vocabularySize: 260, onProgress: (...call) => calls.push(call) });
    expect(calls).toEqual([
      [4, Infinity, "reading"],
      [6, Infinity, "reading"],
      [0, 3, "merging"],
      [3, 3, "merging"],
    ]);
  });

  it("stops when asked to, in either phase", () => {
    const stop = new AbortController();
    const trainer = createBpeTrainer({ vocabularySize: 300, signal: stop.signal });
    trainer.add("abab");
    stop.abort();
    expect(codeOf(() => trainer.add("abab"))).toBe("aborted");
    expect(codeOf(() => trainer.finish())).toBe("aborted");
    const other = createBpeTrainer({ vocabularySize: 300 });
    other.add("abab");
    expect(codeOf(() => other.finish({ signal: AbortSignal.abort() }))).toBe("aborted");
  });

  const refused: [string, Partial<BpeTrainingOptions>, RegExp][] = [
    [
      "a vocabulary too small for the bytes",
      { vocabularySize: 256 },
      /from 257 to 1048576 \(256 bytes and 1 special tokens are the least\), received 256/,
    ],
    [
      "a vocabulary of a part of a token",
      { vocabularySize: 300.5 },
      /vocabularySize must be a whole number .*received 300.5/,
    ],
    ["a vocabulary too large", { vocabularySize: 2 ** 21 }, /to 1048576 .*received 2097152/],
    ["a special token twice", { specialTokens: ["<a>", "<b>", "<a>"] }, /expected each once, received "<a>"/],
    ["an empty special token", { specialTokens: [""] }, /received ""/],
    ["a special token with a byte's name", { specialTokens: ["a"] }, /byte's own name, received "a"/],
    ["pairs that are never seen", { minFrequency: 0 }, /minFrequency must be a whole number of at least 1, received 0/],
    ["tokens without bytes", { maxTokenLength: 0 }, /maxTokenLength must be .*received 0/],
  ];
  for (const [what, options, message] of refused) {
    it(`refuses ${what}`, () => {
      const create = (): unknown => createBpeTrainer({ vocabularySize: 300, ...options });
      expect(codeOf(create)).toBe("invalid-argument");
      expect(create).toThrow(message);
    });
  }

  it("refuses to learn from nothing", () => {
    for (const texts of [[], [""], [end, end + end]]) {
      expect(codeOf(() => trained(texts))).toBe("invalid-argument");
      expect(() => trained(texts)).toThrow(/expected text.*received none/);
    }
  });
});

describe("tokenizerConfig", () => {
  it("is Pythia's kind", () => {
    expect(tokenizerConfig({ contextLength: 512 })).toEqual({
      tokenizer_class: "GPTNeoXTokenizer",
      add_prefix_space: false,
      bos_token: end,
      eos_token: end,
      unk_token: end,
      model_max_length: 512,
    });
    expect(tokenizerConfig({ end: "</s>" })).toMatchObject({ eos_token: "</s>" });
    expect(tokenizerConfig()).not.toHaveProperty("model_max_length");
  });
});
