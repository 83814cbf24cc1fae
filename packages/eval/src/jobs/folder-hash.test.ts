import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { folderHash } from "./folder-hash.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-hash-"));
  mkdirSync(join(folder, "onnx"));
  writeFileSync(join(folder, "config.json"), "{}");
  writeFileSync(join(folder, "onnx/model.onnx"), Buffer.alloc(3 << 20));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("it is of names, sizes, small files and the ends of large ones", async () => {
  const seen = [await folderHash(folder)];
  expect(await folderHash(folder)).toBe(seen[0]);
  for (const change of [
    () => writeFileSync(join(folder, "config.json"), "[]"),
    () => writeFileSync(join(folder, "other.json"), ""),
    () => appendFileSync(join(folder, "onnx/model.onnx"), "1"),
    () => writeFileSync(join(folder, "onnx/model.onnx"), Buffer.alloc((3 << 20) + 1, 7)),
  ]) {
    change();
    const hash = await folderHash(folder);
    expect(seen).not.toContain(hash);
    seen.push(hash);
  }
});

test("a folder that is not there is named", async () => {
  await expect(folderHash(join(folder, "none"))).rejects.toMatchObject({ code: "not-found" });
});
