import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { documents, totalBytes } from "./documents.js";
import { createPieceCutter, pieceCharacters, type Piece } from "./pieces.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-documents-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

async function read(...files: string[]): Promise<(Piece & { bytesRead: number })[]> {
  const pieces = [];
  for await (const piece of documents(files)) pieces.push(piece);
  return pieces;
}
const texts = async (...files: string[]): Promise<string[]> => (await read(...files)).map(({ text }) => text);

describe("documents", () => {
  it("are what stands between separators, trimmed, without blank ones", async () => {
    const path = file("a.txt", "\n one \n<|endoftext|>\n\n<|endoftext|>two\nlines<|endoftext|>");
    expect(await texts(path)).toEqual(["one", "two\nlines"]);
  });

  it("do not run from one file into the next, and bytes count on", async () => {
    const pieces = await read(file("a.txt", "é"), file("b.jsonl", '{"text":"b"}'));
    expect(pieces.map(({ text, bytesRead }) => [text, bytesRead])).toEqual([
      ["é", 2],
      ["b", 14],
    ]);
  });

  it("are the lines of JSONL files, with any kind of line end and spaces that JSON strings may hold", async () => {
    const path = file(
      "a.jsonl",
      '{"text":"one\\ntwo"}\r\n\r\n{"text":"a\u2028b","more":1}\n{"text":"  "}\n{"text":"last"}',
    );
    expect(await texts(path)).toEqual(["one\ntwo", "a\u2028b", "last"]);
  });

  it("say which line is wrong", async () => {
    const path = file("a.jsonl", '{"text":"fine"}\n\n{"text":1}\n');
    await expect(texts(path)).rejects.toMatchObject({
      code: "invalid-file",
      message: expect.stringContaining("a.jsonl:3"),
    });
    const broken = file("b.jsonl", '{"text":"fine"}\n{"text":');
    await expect(texts(broken)).rejects.toMatchObject({ message: expect.stringContaining("b.jsonl:2 is not JSON") });
  });

  it("survive a chunk's border in a character and in a separator", async () => {
    const chunk = 2 ** 18;
    const before = "a".repeat(chunk - 1);
    expect(await texts(file("a.txt", `${before}€<|endoftext|>b`))).toEqual([`${before}€`, "b"]);
    expect(await texts(file("b.txt", `${before.slice(6)}<|endoftext|>b`))).toEqual([before.slice(6), "b"]);
  });

  it("must be UTF-8 across a chunk's border too", async () => {
    const bytes = Buffer.concat([Buffer.alloc(2 ** 18 - 1, "a"), Buffer.from([0xe2]), Buffer.from("b")]);
    const expected = { code: "invalid-file", message: expect.stringContaining(`offset ${2 ** 18 - 1} `) };
    await expect(texts(file("a.txt", bytes))).rejects.toMatchObject(expected);
  });

  it("come in pieces when they are long, cut at a line's end", async () => {
    const line = `${"word ".repeat(20)}\n`;
    const long = line.repeat(25_000);
    const pieces = await read(file("a.txt", `short<|endoftext|>${long}<|endoftext|>next`));
    expect(pieces.map(({ first, last }) => [first, last])).toEqual([
      [true, true],
      [true, false],
      [false, false],
      [false, true],
      [true, true],
    ]);
    expect(
      pieces
        .slice(1, -1)
        .map(({ text }) => text)
        .join(""),
    ).toBe(long.trim());
    for (const { text, last } of pieces) if (!last) expect(text.endsWith("\n")).toBe(true);
  });

  it("of one endless line are cut too, never inside a character", async () => {
    const long = "😀".repeat(pieceCharacters);
    const pieces = await texts(file("a.txt", `x${long}`));
    expect(pieces.join("")).toBe(`x${long}`);
    for (const text of pieces)
      expect(Buffer.from(text).toString() === text && text.length <= pieceCharacters).toBe(true);
  });

  it("in JSONL are cut alike", async () => {
    const long = "line\n".repeat(300_000);
    const fromText = await texts(file("a.txt", long));
    expect(await texts(file("a.jsonl", JSON.stringify({ text: long })))).toEqual(fromText);
  });
});

describe("createPieceCutter", () => {
  it("cuts a document alike however it is read", () => {
    const document = `${" ".repeat(5)}${"some words\n".repeat(210_000)}${" \n".repeat(20)}`;
    const whole = createPieceCutter().end(document);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: document.length }), { maxLength: 8 }), (borders) => {
        const cutter = createPieceCutter();
        const pieces: Piece[] = [];
        let [held, at] = ["", 0];
        for (const border of [...borders].sort((a, b) => a - b)) {
          const cut = cutter.cut(held + document.slice(at, border), 12);
          pieces.push(...cut.pieces);
          [held, at] = [cut.rest, border];
        }
        expect([...pieces, ...cutter.end(held + document.slice(at))]).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });
});

describe("createPieceCutter at a document's end", () => {
  it("cuts nothing off for the beginning of a separator", () => {
    const document = `${"line\n".repeat(pieceCharacters / 4).slice(0, pieceCharacters - 1)}x`;
    const cutter = createPieceCutter();
    expect(cutter.cut(`${document}<|endoftext|`, 12).pieces).toEqual([]);
    expect(cutter.end(document)).toEqual([{ text: document, first: true, last: true }]);
    expect(cutter.end(`${document}y`)).toHaveLength(2);
  });
});

describe("totalBytes", () => {
  it("adds up, and misses files and folders", async () => {
    expect(await totalBytes([file("a.txt", "é"), file("b.txt", "b")])).toBe(3);
    await expect(totalBytes([join(folder, "none")])).rejects.toMatchObject({ code: "not-found" });
    await expect(totalBytes([folder])).rejects.toMatchObject({ code: "not-found" });
  });
});
