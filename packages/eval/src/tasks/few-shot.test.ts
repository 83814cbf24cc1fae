/** Examples as lm-evaluation-harness chooses and writes them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtInTask } from "./built-in/index.js";
import { openDocuments, type DocumentFile } from "./definition/document-file.js";
import { examplesOf, type Examples } from "./few-shot.js";

let folder: string;
let file: DocumentFile;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-shots-"));
  const rows = Array.from({ length: 100 }, (_, i) => ({ query: `Q${i}`, choices: ["no", `yes${i}`], gold: 1 }));
  writeFileSync(join(folder, "rows.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
  file = openDocuments(join(folder, "rows.jsonl"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const examples = (count: number, own = false): Examples =>
  examplesOf(builtInTask("openbookqa"), file, { count, seed: 1234, own });
const shown = (text: string): number[] => [...text.matchAll(/Q(\d+)/g)].map(([, i]) => Number(i));

test("Python's draws of one stream: 99, 56 … for the first document, 74, 4 … for the second", async () => {
  const of = examples(5);
  expect(await of(0)).toBe("Q99 yes99\n\nQ56 yes56\n\nQ14 yes14\n\nQ0 yes0\n\nQ11 yes11\n\n");
  expect(shown(await of(1))).toEqual([74, 4, 85, 88, 10]);
  expect(shown(await of(2))).toEqual([12, 98, 45, 30, 2]);
});

test("a document has the same examples whatever was asked before", async () => {
  expect(shown(await examples(5)(2))).toEqual([12, 98, 45, 30, 2]);
  const of = examples(5);
  await of(7);
  expect(shown(await of(1))).toEqual([74, 4, 85, 88, 10]);
});

test("of its own file the question is left out: the document behind it takes its place", async () => {
  const of = examples(5, true);
  expect(shown(await of(0))).toEqual([99, 56, 14, 1, 11]);
  expect(shown(await of(1))).toEqual([74, 4, 85, 88, 10]);
});

test("sets without a test split have one more drawn, from their own file or another", async () => {
  const task = { ...builtInTask("openbookqa"), spareExample: true };
  const of = (own: boolean): Examples => examplesOf(task, file, { count: 4, seed: 1234, own });
  expect(shown(await of(true)(0))).toEqual([99, 56, 14, 11]);
  expect(shown(await of(false)(0))).toEqual([99, 56, 14, 0]);
  expect(shown(await of(false)(1))).toEqual([74, 4, 85, 88]);
});

test("none, too many, and the first ones", async () => {
  expect(await examples(0)(3)).toBe("");
  await expect(examples(101)(0)).rejects.toThrow(/expected 101 documents for 101 examples, received 100/);
  const first = { ...builtInTask("openbookqa"), examples: "first" as const };
  const of = (own: boolean): Examples => examplesOf(first, file, { count: 2, seed: 0, own });
  expect([shown(await of(false)(1)), shown(await of(true)(1)), shown(await of(true)(9))]).toEqual([
    [0, 1],
    [0, 2],
    [0, 1],
  ]);
});
