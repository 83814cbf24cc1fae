import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { jsonRecords } from "./json-records.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-records-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function read(content: string): Promise<unknown[]> {
  const file = join(folder, "records.json");
  writeFileSync(file, content);
  const values: unknown[] = [];
  for await (const { value } of jsonRecords([file])) values.push(value);
  return values;
}

it("gives what JSON.parse gives, for lists of anything in any layout, and for lines", async () => {
  const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(objects, fc.constantFrom(undefined, 1, "\t"), async (records, space) => {
      const expected = JSON.parse(JSON.stringify(records)) as unknown[];
      expect(await read(`\n ${JSON.stringify(records, undefined, space)}\n`)).toEqual(expected);
      expect(await read(records.map((record) => JSON.stringify(record)).join("\r\n"))).toEqual(expected);
    }),
    { numRuns: 200 },
  );
});

it("follows strings and escapes across the borders of what is read at once", async () => {
  // 2^18 bytes are read at a time: whatever stands at the border is some of these.
  for (const shift of [0, 1, 2, 3]) {
    const record = { text: `${" ".repeat(shift)}${'\\"],{é'.repeat(60_000)}` };
    expect(await read(JSON.stringify([record, record]))).toEqual([record, record]);
  }
});
