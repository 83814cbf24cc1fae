import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeUtf8, firstInvalid } from "./utf8.js";

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

async function decodeIn(bytes: Uint8Array, size: number): Promise<string> {
  let text = "";
  for await (const chunk of decodeUtf8(cut(bytes, size), "corpus.txt")) text += chunk.text;
  return text;
}

const isUtf8 = (bytes: Uint8Array): boolean => {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
};

describe("decodeUtf8", () => {
  it("puts characters together that chunks cut, wherever they cut", async () => {
    const text = "aé€😀 naïve 漢字 👩‍👩‍👧 z";
    for (let size = 1; size < 12; size++) expect(await decodeIn(Buffer.from(text), size)).toBe(text);
  });

  it("decodes any text in chunks of any size", async () => {
    const texts = fc.string({ unit: "binary" }).filter((text) => !text.startsWith("\uFEFF"));
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 1, max: 9 }), async (text, size) => {
        expect(await decodeIn(Buffer.from(text), size)).toBe(text);
      }),
    );
  });

  it("leaves out a byte order mark, but only at the start", async () => {
    expect(await decodeIn(Buffer.from("\uFEFFa\uFEFFb"), 2)).toBe("a\uFEFFb");
  });

  it("names the file and the offset of invalid bytes, also beside a chunk's border", async () => {
    const bytes = Buffer.concat([Buffer.from("aé"), Buffer.from([0xe2, 0x82]), Buffer.from("b")]);
    for (let size = 1; size < 8; size++) {
      const expected = { code: "invalid-file", message: expect.stringMatching(/corpus\.txt .* offset 3 /) };
      await expect(decodeIn(bytes, size)).rejects.toMatchObject(expected);
    }
  });

  it("refuses a character that the end cuts off", async () => {
    const bytes = Buffer.from("ab😀").subarray(0, 5);
    for (const size of [1, 3, 8])
      await expect(decodeIn(bytes, size)).rejects.toMatchObject({ message: expect.stringContaining("offset 2 ") });
  });

  it("agrees with the platform's decoder on what is UTF-8, in chunks of any size", async () => {
    const bytes = fc.uint8Array({ maxLength: 8 }).map((some) => some.map((byte) => (byte < 0x40 ? byte : byte | 0x80)));
    await fc.assert(
      fc.asyncProperty(bytes, fc.integer({ min: 1, max: 4 }), async (some, size) => {
        const accepted = await decodeIn(some, size).then(
          () => true,
          () => false,
        );
        expect(accepted).toBe(isUtf8(some));
        expect(firstInvalid(some) === undefined).toBe(isUtf8(some));
      }),
      { numRuns: 2000 },
    );
  });
});
