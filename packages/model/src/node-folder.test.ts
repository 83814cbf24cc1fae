import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ModelFiles } from "@dynamo/core";
import { nodeFolder } from "./node-folder.js";

let folder: string;
let files: ModelFiles;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-folder-"));
  mkdirSync(join(folder, "model/onnx"), { recursive: true });
  writeFileSync(join(folder, "secret"), "secret");
  writeFileSync(join(folder, "model/a.bin"), Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7));
  writeFileSync(join(folder, "model/onnx/b.bin"), "b");
  files = nodeFolder(join(folder, "model"));
});

afterAll(async () => {
  await files.close?.();
  rmSync(folder, { recursive: true });
});

describe("nodeFolder", () => {
  it("reads whole files and ranges", async () => {
    expect(await files.size("a.bin")).toBe(8);
    expect([...(await files.read("a.bin", 8))]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([...(await files.readRange("a.bin", 2, 3))]).toEqual([2, 3, 4]);
    expect(await files.readRange("a.bin", 8, 0)).toHaveLength(0);
    expect([...(await files.read("onnx/b.bin", 1))]).toEqual([0x62]);
    expect(files.localPath?.("onnx/b.bin")).toBe(join(folder, "model", "onnx", "b.bin"));
  });

  it("says which folder is missing", () => {
    const missing = join(folder, "no-such");
    expect(() => nodeFolder(missing)).toThrow(
      expect.objectContaining({ code: "not-found", message: expect.stringContaining(missing) }),
    );
    expect(() => nodeFolder(join(folder, "secret"))).toThrow(expect.objectContaining({ code: "not-found" }));
  });

  it("says which file is missing, and finds it once it is there", async () => {
    expect(await files.size("late.bin")).toBeUndefined();
    await expect(files.read("late.bin", 10)).rejects.toMatchObject({ code: "not-found" });
    await expect(files.readRange("late.bin", 0, 1)).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringContaining("late.bin"),
    });
    writeFileSync(join(folder, "model/late.bin"), "x");
    expect(await files.readRange("late.bin", 0, 1)).toHaveLength(1);
  });

  it("takes a folder for no file", async () => {
    expect(await files.size("onnx")).toBeUndefined();
    await expect(files.read("onnx", 10)).rejects.toMatchObject({ code: "not-found" });
  });

  it.each([
    [7, 2],
    [9, 0],
    [0, 2 ** 52],
    [2 ** 52, 1],
    [-1, 2],
    [0, -1],
    [0, NaN],
  ])("refuses the range of %d + %d bytes without allocating it", async (offset, length) => {
    await expect(files.readRange("a.bin", offset, length)).rejects.toMatchObject({ code: "invalid-file" });
  });

  it("refuses files past the limit", async () => {
    await expect(files.read("a.bin", 7)).rejects.toThrow(/expected at most 7 bytes, received 8/);
  });

  it.each(["../secret", "/etc/passwd", "onnx/../../secret"])("does not leave the folder by %s", async (path) => {
    await expect(files.size(path)).rejects.toMatchObject({ code: "invalid-file" });
    await expect(files.read(path, 100)).rejects.toMatchObject({ code: "invalid-file" });
    await expect(files.readRange(path, 0, 1)).rejects.toMatchObject({ code: "invalid-file" });
  });

  it.skipIf(process.platform === "win32")("follows links, as the Hugging Face cache is made of them", async () => {
    symlinkSync(join(folder, "secret"), join(folder, "model/link.bin"));
    expect(new TextDecoder().decode(await files.read("link.bin", 10))).toBe("secret");
  });

  it.skipIf(process.platform !== "linux")("opens a file once, and closes it", async () => {
    const mine = nodeFolder(join(folder, "model"));
    const before = (await readdir("/proc/self/fd")).length;
    await Promise.all(Array.from({ length: 20 }, (_, i) => mine.readRange("a.bin", i % 8, 1)));
    expect((await readdir("/proc/self/fd")).length).toBe(before + 1);
    await mine.close?.();
    expect((await readdir("/proc/self/fd")).length).toBe(before);
  });
});
