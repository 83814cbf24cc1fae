import { readFileSync } from "node:fs";
import { DynamoError } from "@dynamo/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byteFallbackJson, byteLevelJson, wordPieceJson } from "./__fixtures__/tokenizers.js";
import { checkTokenizerJson } from "./files.js";
import { loadTokenizer, type LoadedTokenizer } from "./index.js";

const torture = readFileSync(new URL("__fixtures__/torture.txt", import.meta.url), "utf8").split("\n");
const byteLevel = loadTokenizer({ tokenizerJson: byteLevelJson() });
const replacement = "\uFFFD";

/** Pieces of the given sizes, and what is left at the end. */
function streamed(tokenizer: LoadedTokenizer, ids: readonly number[], size = 1): { pieces: string[]; rest: string } {
  const stream = tokenizer.stream();
  const pieces: string[] = [];
  for (let i = 0; i < ids.length; i += size) pieces.push(stream.push(ids.slice(i, i + size)));
  return { pieces, rest: stream.flush() };
}

describe("a byte-level tokenizer", () => {
  it("round-trips every line of the torture file", () => {
    for (const line of torture) expect(byteLevel.decode(byteLevel.encode(line))).toBe(line);
  });

  it("round-trips any text", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", maxLength: 40 }),
        (text) => byteLevel.decode(byteLevel.encode(text)) === text,
      ),
    );
  });

  it("recognises special tokens in a text, adds none, and leaves them out of the text", () => {
    const ids = byteLevel.encode("the<|endoftext|>an");
    const end = byteLevel.tokenToId("<|endoftext|>");
    expect([...ids].filter((id) => id === end).length).toBe(1);
    expect([ids.length, byteLevel.decode(ids), byteLevel.specialIds.has(end ?? -1)]).toEqual([3, "thean", true]);
  });

  it("streams what decoding the whole gives, for any ids: unfinished and broken characters too", () => {
    const id = fc.integer({ min: 0, max: byteLevel.vocabularySize + 3 });
    fc.assert(
      fc.property(fc.array(id, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (ids, size) => {
        const { pieces, rest } = streamed(byteLevel, ids, size);
        expect(pieces.join("") + rest).toBe(byteLevel.decode(ids));
      }),
      { numRuns: 1000 },
    );
  });

  it("never emits half a character, and each as soon as it is whole", () => {
    for (const line of torture) {
      const { pieces, rest } = streamed(byteLevel, [...byteLevel.encode(line)]);
      expect(pieces.join("")).toBe(line);
      expect(rest).toBe("");
      if (!line.includes(replacement)) expect(pieces.some((piece) => piece.includes(replacement))).toBe(false);
    }
    const bytes = [...new TextEncoder().encode("é€😀")];
    expect(streamed(byteLevel, bytes).pieces).toEqual(["", "é", "", "", "€", "", "", "", "😀"]);
  });

  it("tells at the end of bytes that never became a character", () => {
    expect(streamed(byteLevel, [0xe2, 0x82])).toEqual({ pieces: ["", ""], rest: replacement });
  });

  it("gives no text for ids that have no token", () => {
    expect(byteLevel.decode([byteLevel.vocabularySize + 10, 97])).toBe("a");
    expect(byteLevel.decode([])).toBe("");
  });
});

describe("other kinds of tokenizers", () => {
  const wordPiece = loadTokenizer({ tokenizerJson: wordPieceJson() });
  const fallback = loadTokenizer({ tokenizerJson: byteFallbackJson() });

  it("stream words with their spaces", () => {
    const ids = [...wordPiece.encode("the cats sat")];
    const { pieces, rest } = streamed(wordPiece, ids);
    expect(pieces.join("") + rest).toBe(wordPiece.decode(ids));
    expect(pieces.join("")).toBe("the cats sat");
  });

  it("stream characters out of byte tokens when they are whole", () => {
    for (const text of ["a b ab", "a€b", "😀 é", "ab ab\nab"]) {
      const ids = [...fallback.encode(text)];
      const { pieces, rest } = streamed(fallback, ids);
      expect(pieces.join("") + rest).toBe(text);
      expect(pieces.join("")).not.toContain(replacement);
    }
  });
});

describe("loadTokenizer refuses", () => {
  const broken: [string, unknown, string][] = [
    ["text that is no JSON", "{", "invalid-file"],
    ["a list", [], "invalid-file"],
    ["no model", {}, "invalid-file"],
    ["an unknown model", { model: { type: "Magic" } }, "unsupported"],
    ["ids that are no ids", { model: { type: "BPE", vocab: { a: -1 }, merges: [] } }, "invalid-file"],
    ["a vocabulary that is a text", { model: { type: "BPE", vocab: "abc", merges: [] } }, "invalid-file"],
    ["merges that are missing", { model: { type: "BPE", vocab: { a: 0 } } }, "invalid-file"],
    ["an added token without an id", { ...byteLevelJson(), added_tokens: [{ content: "x" }] }, "invalid-file"],
  ];
  for (const [what, json, code] of broken) {
    it(what, () => {
      try {
        loadTokenizer({ tokenizerJson: json });
        expect.unreachable();
      } catch (error) {
        expect(DynamoError.is(error) && error.code).toBe(code);
      }
    });
  }

  it("an added token far down a long list", () => {
    const added = Array.from({ length: 300_000 }, (_, i) => ({ id: i + 300, content: `<${i}>`, special: true }));
    const tokenizerJson = { ...byteLevelJson(), added_tokens: [...added, { id: 2 ** 24, content: "x" }] };
    expect(() => loadTokenizer({ tokenizerJson })).toThrow(/an added token has an id/);
    expect(checkTokenizerJson({ ...tokenizerJson, added_tokens: added }).vocabularySize).toBe(300_300);
  });

  it("damaged files with a DynamoError, whatever is cut or changed", () => {
    const text = JSON.stringify(byteLevelJson());
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom("", "0", "null", '"x"', "[", "}"), (at, insert) => {
        try {
          loadTokenizer({ tokenizerJson: text.slice(0, at) + insert + text.slice(at + 1) });
        } catch (error) {
          expect(DynamoError.is(error)).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("chat templates", () => {
  const template =
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
  const messages = [{ role: "user", content: "Hi" }];

  it("render messages with the special tokens, and the assistant's beginning by default", () => {
    const { applyChatTemplate } = loadTokenizer({
      tokenizerJson: byteLevelJson(),
      tokenizerConfig: { chat_template: template, eos_token: "</s>" },
    });
    expect(applyChatTemplate(messages)).toBe("<user>Hi</s><assistant>");
    expect(applyChatTemplate(messages, { addGenerationPrompt: false })).toBe("<user>Hi</s>");
  });

  it("prefer the template's own file, and take the default of several", () => {
    const config = { chat_template: [{ name: "default", template: "config" }] };
    expect(loadTokenizer({ tokenizerJson: byteLevelJson(), tokenizerConfig: config }).applyChatTemplate(messages)).toBe(
      "config",
    );
    expect(
      loadTokenizer({
        tokenizerJson: byteLevelJson(),
        tokenizerConfig: config,
        chatTemplate: "file",
      }).applyChatTemplate(messages),
    ).toBe("file");
  });

  it("fail clearly when there is none, and when one is broken", () => {
    expect(() => byteLevel.applyChatTemplate(messages)).toThrow(/no chat template/);
    const broken = loadTokenizer({ tokenizerJson: byteLevelJson(), chatTemplate: "{% for %}" });
    expect(() => broken.applyChatTemplate(messages)).toThrow(/chat template failed/);
  });
});
