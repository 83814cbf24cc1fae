import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { writeFileAtomically } from "./atomic-file.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-file-"));
});
afterEach(() => rm(folder, { recursive: true }));

it("replaces a file, and leaves nothing beside it", async () => {
  const path = join(folder, "result.json");
  await writeFile(path, "before");
  await writeFileAtomically(path, "after ε");
  expect(await readFile(path, "utf8")).toBe("after ε");
  expect(await readdir(folder)).toEqual(["result.json"]);
});

it("refuses what is no place for a file, by the path and the system's code", async () => {
  const path = join(folder, "missing", "result.json");
  await expect(writeFileAtomically(path, "")).rejects.toMatchObject({
    code: "invalid-argument",
    message: `${path} cannot be written (ENOENT)`,
  });
  // A folder stands there: the rename fails, and the partial file goes.
  await expect(writeFileAtomically(folder, "")).rejects.toMatchObject({ code: "invalid-argument" });
  await expect(readFile(`${folder}.partial`)).rejects.toThrow("ENOENT");
});

it("refuses arguments that are none", async () => {
  await expect(writeFileAtomically("", "")).rejects.toMatchObject({ code: "invalid-argument" });
  await expect(writeFileAtomically("a", 1 as never)).rejects.toMatchObject({ code: "invalid-argument" });
});
