import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkInput } from "./check-input.js";
import { readLines, type TextLine } from "./input.js";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-input-"));
  path = join(folder, "input.jsonl");
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const all = async (lines: AsyncIterable<TextLine>): Promise<TextLine[]> => {
  const found = [];
  for await (const line of lines) found.push(line);
  return found;
};
const line = (i: number): string =>
  JSON.stringify({ custom_id: `é${i}`, method: "POST", url: "/v1/completions", body: { prompt: "ü".repeat(i) } });

describe("readLines", () => {
  it("finds the lines of a text, and any of them again by its place", async () => {
    const pieces = fc.array(fc.string({ unit: fc.constantFrom("a", "é", "€", "😀", " "), maxLength: 12 }), {
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(pieces, fc.constantFrom("\n", "\r\n"), fc.boolean(), async (texts, feed, ends) => {
        writeFileSync(path, texts.join(feed) + (ends ? feed : ""));
        const lines = await all(readLines(path));
        const expected = texts.map((text, i) => [text.trimEnd(), i + 1]).filter(([text]) => text !== "");
        expect(lines.map(({ text, number }) => [text, number])).toEqual(expected);
        for (const one of lines) expect(await all(readLines(path, { ...one, first: one.number }))).toEqual([one]);
      }),
      { numRuns: 50 },
    );
  });

  it("does not hold a line in memory that no request can be", async () => {
    writeFileSync(path, "x".repeat(5 * 2 ** 20));
    const { faults } = await checkInput(path, undefined, 10);
    expect(faults).toMatchObject([{ code: "line_too_long" }]);
  });
});

describe("checkInput", () => {
  it("cuts the input into parts that are all of it", async () => {
    writeFileSync(path, Array.from({ length: 100 }, (_, i) => line(i)).join("\n"));
    const { total, parts, faults } = await checkInput(path, "/v1/completions", 1000);
    expect([total, faults]).toEqual([100, []]);
    const read = await Promise.all(parts.map((part) => all(readLines(path, part))));
    expect(read.map(({ length }) => length)).toEqual([32, 32, 32, 4]);
    expect(read.flat()).toEqual(await all(readLines(path)));
  });

  it("names too many lines, no lines, and a custom_id that is missing", async () => {
    const codes = async (text: string): Promise<unknown[]> => {
      writeFileSync(path, text);
      const { faults } = await checkInput(path, "/v1/completions", 2);
      return faults.map(({ code, line: number, param }) => [code, number, param]);
    };
    expect(await codes([0, 1, 2].map(line).join("\n"))).toEqual([["too_many_tasks", null, null]]);
    expect(await codes("\n\n")).toEqual([["empty_file", null, null]]);
    expect(await codes('\n{"url": "/v1/completions", "body": {}}')).toEqual([["invalid_request", 2, "custom_id"]]);
  });
});
