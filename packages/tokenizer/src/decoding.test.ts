import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readDecoder } from "./decoders.js";
import { regularExpression } from "./regular-expression.js";
import { decodingOf, type Decoding } from "./decoding.js";

interface Golden {
  readonly tokens: readonly string[];
  /** Ids and their text, by Rust's tokenizers 0.23.2 (decodings.py). */
  readonly decoders: readonly { readonly decoder: object | null; readonly cases: readonly [number[], string][] }[];
}

const { tokens, decoders } = JSON.parse(
  readFileSync(new URL("__fixtures__/decodings.json", import.meta.url), "utf8"),
) as Golden;
const special = tokens.indexOf("<s>");
const tokenOf = (id: number): string | undefined => (id === special ? undefined : tokens[id]);
const decodingBy = (decoder: object | null): Decoding => decodingOf(readDecoder(decoder, regularExpression), tokenOf);
const anyIds = fc.array(fc.nat(tokens.length), { maxLength: 12 });

/** The pieces of a continuation, a given number of ids at a time. */
function streamed({ stream }: Decoding, prompt: readonly number[], ids: readonly number[], size = 1): string {
  const { push, flush } = stream(prompt);
  let text = "";
  for (let i = 0; i < ids.length; i += size) text += push(ids.slice(i, i + size));
  return text + flush();
}

for (const { decoder, cases } of decoders) {
  describe(`decoder ${JSON.stringify(decoder)}`, () => {
    const decoding = decodingBy(decoder);

    it("decodes as Rust's", () => {
      expect(cases.length).toBeGreaterThan(9);
      for (const [ids, text] of cases) expect([ids, decoding.decode(ids)]).toEqual([ids, text]);
    });

    it("streams what it decodes, for any ids", () => {
      fc.assert(
        fc.property(anyIds, fc.integer({ min: 1, max: 3 }), (ids, size) => {
          expect(streamed(decoding, [], ids, size)).toBe(decoding.decode(ids));
        }),
        { numRuns: 300 },
      );
    });

    it("continues a prompt with what the ids add to it", () => {
      fc.assert(
        fc.property(anyIds, anyIds, (prompt, ids) => {
          const before = decoding.decode(prompt);
          const whole = decoding.decode([...prompt, ...ids]);
          const text = streamed(decoding, prompt, ids);
          expect(whole.endsWith(text)).toBe(true);
          if (whole.startsWith(before)) expect(before + text).toBe(whole);
        }),
        { numRuns: 300 },
      );
    });
  });
}

describe("a stream", () => {
  const id = (token: string): number => tokens.indexOf(token);
  const llama = decodingBy(decoders.at(14)?.decoder ?? null);

  it("keeps a word's space behind tokens without text, and behind the prompt", () => {
    const { stream } = decodingBy({ type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true });
    const after = stream([]);
    expect([id("<s>"), id("▁the"), id("<s>"), id("▁cat")].map((each) => after.push([each]))).toEqual([
      "",
      "the",
      "",
      " cat",
    ]);
    expect(stream([id("▁the"), id("<s>")]).push([id("▁cat")])).toBe(" cat");
    expect(stream([id("<s>")]).push([id("▁cat")])).toBe("cat");
  });

  it("gives a character of byte tokens when it is whole, begun in the prompt or not", () => {
    const { push, flush } = llama.stream([id("<0xE2>")]);
    expect([push([id("<0x82>")]), push([id("<0xAC>")]), push([id("<0xE2>")]), flush()]).toEqual([
      "",
      "€",
      "",
      "\uFFFD",
    ]);
  });
});

describe("a token's own bytes", () => {
  const id = (token: string): number => tokens.indexOf(token);
  const bytes = (decoder: object | null, token: string): number[] => [...decodingBy(decoder).tokenBytes(id(token))];
  const text = (decoder: object | null, token: string): string =>
    new TextDecoder().decode(decodingBy(decoder).tokenBytes(id(token)));

  it("are half a character's too", () => {
    const llama = decoders.at(14)?.decoder ?? null;
    expect([bytes(llama, "<0xE2>"), bytes({ type: "ByteLevel" }, "ð")]).toEqual([[0xe2], [0xf0]]);
    expect([text({ type: "ByteLevel" }, "Ġthe"), text({ type: "ByteLevel" }, "東京"), text(llama, "▁the")]).toEqual([
      " the",
      "東京",
      " the",
    ]);
  });

  it("are those within a text: with the space before a word or behind it", () => {
    expect(text({ type: "Metaspace", replacement: "▁" }, "▁cat")).toBe(" cat");
    expect([text({ type: "WordPiece" }, "un"), text({ type: "WordPiece" }, "##able")]).toEqual([" un", "able"]);
    expect(text({ type: "BPEDecoder" }, "cat</w>")).toBe("cat ");
  });

  it("are none for special tokens and for ids without a token", () => {
    const { tokenBytes } = decodingBy(null);
    expect([tokenBytes(special).length, tokenBytes(tokens.length).length, tokenBytes(-1).length]).toEqual([0, 0, 0]);
  });
});
