/** Files as they are published, and as they should not be. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDocuments, type DocumentFile, type Row } from "./document-file.js";
import { createRecordScanner, type Place } from "../records.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-documents-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, text: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function placesOf(file: DocumentFile): Promise<Place[]> {
  const all: Place[] = [];
  for await (const places of file.places()) all.push(...places);
  return all;
}

async function rowsOf(file: DocumentFile): Promise<Row[]> {
  const places = await placesOf(file);
  return (await Promise.all(places.map((place, i) => file.read(place, i)))).flat();
}

test("records are the same wherever the file is cut, and their lines are counted", () => {
  const piece = fc.constantFrom("a", "é", '"', "\n", "\r\n", " ", "🐎", ",");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), fc.nat(60), fc.boolean(), (pieces, cut, quoted) => {
      const bytes = Buffer.from(pieces.join(""));
      const whole = createRecordScanner(quoted);
      const places = [...whole.push(bytes), ...whole.end()];
      const parts = createRecordScanner(quoted);
      const inParts = [...parts.push(bytes.subarray(0, cut)), ...parts.push(bytes.subarray(cut)), ...parts.end()];
      expect(inParts).toEqual(places);
      for (const { line, from, to } of places) {
        expect(bytes.subarray(0, from).toString().split("\n")).toHaveLength(line);
        expect(bytes.subarray(from, to).toString().trim()).not.toBe("");
      }
      if (quoted) return;
      const lines = bytes
        .toString()
        .split("\n")
        .filter((line) => line.trim() !== "");
      expect(places.map(({ from, to }) => bytes.subarray(from, to).toString().trim())).toEqual(
        lines.map((line) => line.trim()),
      );
    }),
  );
});

test("JSON lines with a byte order mark, CRLF and blank lines", async () => {
  const path = write("marked.jsonl", '\uFEFF{"a": 1}\r\n\r\n{"a": "é"}\r\n   \n{"a": 3}');
  expect(await rowsOf(openDocuments(path))).toEqual([
    { where: `${path}:1`, value: { a: 1 } },
    { where: `${path}:3`, value: { a: "é" } },
    { where: `${path}:5`, value: { a: 3 } },
  ]);
});

test("CSV with a byte order mark, quoted line feeds and CRLF", async () => {
  const path = write("marked.csv", '\uFEFF,Type,"Say ""so"""\r\n0,"one\r\ntwo, three",x\r\n\r\n1,é,""\r\n');
  expect(await rowsOf(openDocuments(path))).toEqual([
    { where: `${path}:2`, value: { "": "0", Type: "one\r\ntwo, three", 'Say "so"': "x" } },
    { where: `${path}:5`, value: { "": "1", Type: "é", 'Say "so"': "" } },
  ]);
});

test("CSV without a header, several records of one place", async () => {
  const path = write("plain.csv", '"a\nb",1\nc,2\n');
  const file = openDocuments(path, { columns: ["text", "number"] });
  const [first, second] = await placesOf(file);
  const rows = await file.read({ line: 1, from: first?.from ?? 0, to: second?.to ?? 0 }, 0);
  expect(rows.map(({ where }) => where)).toEqual([`${path}:1`, `${path}:3`]);
  expect(rows.map(({ value }) => value)).toEqual([
    { text: "a\nb", number: "1" },
    { text: "c", number: "2" },
  ]);
});

test("labels of another file", async () => {
  const path = write("rows.jsonl", '{"a": 1}\n{"a": 2}\n');
  const values = async (labels: string): Promise<unknown[]> =>
    (await rowsOf(openDocuments(path, { labels: write("rows-labels.lst", labels) }))).map(({ value }) => value);
  expect(await values("1\r\n0\r\n")).toEqual([
    { a: 1, label: "1" },
    { a: 2, label: "0" },
  ]);
  await expect(values("1\n")).rejects.toThrow(/labels\.lst: expected a label for each of 2 documents, received 1/);
});

test.each([
  ["bad.jsonl", '{"a": 1}\n{"a": \n', /bad\.jsonl:2: expected JSON, received \{"a":/],
  ["bad.csv", "a,b\n1,2\n1,2,3\n", /bad\.csv:3: expected 2 fields \(a, b\), received 3/],
  ["open.csv", 'a,b\n1,2\n1,"2\n', /open\.csv:3: expected CSV, received 1,"2/],
  ["odd.json", '{"rows": []}', /odd\.json: expected documents in their published form/],
])("%s names the line and what was expected", async (name, text, message) => {
  await expect(rowsOf(openDocuments(write(name, text)))).rejects.toThrow(message);
});

test("missing files, unknown forms and endless records", async () => {
  await expect(rowsOf(openDocuments(join(folder, "none.jsonl")))).rejects.toMatchObject({ code: "not-found" });
  await expect(rowsOf(openDocuments(join(folder, "none.json")))).rejects.toMatchObject({ code: "not-found" });
  expect(() => openDocuments("rows.parquet")).toThrow(
    /expected a file named \.jsonl, \.csv, \.json, received rows\.parquet/,
  );
  const scanner = createRecordScanner(false);
  const part = Buffer.alloc(9 * 2 ** 20, 97);
  scanner.push(part);
  expect(() => scanner.push(part)).toThrow(/line 1: expected a record of at most 16777216 bytes/);
});
