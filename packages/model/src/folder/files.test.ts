import { checkInside } from "@dynamo/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryFiles } from "../../test/memory-files.js";
import { readJson } from "./files.js";

const invalid: unknown = expect.objectContaining({ code: "invalid-file" });

describe("checkInside", () => {
  it.each(["config.json", "onnx/model_q4.onnx", "model-00001-of-00002.safetensors", "..hidden", "a..b/c...", ".x"])(
    "accepts %s",
    (path) => {
      expect(() => {
        checkInside(path);
      }).not.toThrow();
    },
  );

  it.each([
    "",
    ".",
    "..",
    "../secret",
    "a/../../secret",
    "a/..",
    "./a",
    "/etc/passwd",
    "a//b",
    "a/",
    "C:/windows",
    "c:x",
    "..\\secret",
    "a\\b",
    "\\\\host\\share",
    "file:///etc/passwd",
    "a\0.safetensors",
  ])("refuses %j", (path) => {
    expect(() => {
      checkInside(path);
    }).toThrow(invalid);
  });

  it("accepts nothing that leaves the folder when it is resolved", () => {
    const part = fc.constantFrom("..", ".", "", "a", "b", "\\", ":", "..a");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
        const path = parts.join("/");
        try {
          checkInside(path);
        } catch {
          return;
        }
        expect(new URL(path, "file:///root/folder/").pathname).toBe(`/root/folder/${path}`);
      }),
    );
  });
});

describe("readJson", () => {
  const read = (text: string | Uint8Array, limit = 1e7): Promise<unknown> =>
    readJson(memoryFiles({ "a.json": text }), "a.json", limit);

  it("reads JSON, with a byte order mark too", async () => {
    expect(await read('\uFEFF{"a": ["é", 1]}')).toEqual({ a: ["é", 1] });
  });

  it.each([["{"], [""], ["nope"], [Uint8Array.of(0x22, 0xff, 0x22)]])("refuses what is none: %j", async (text) => {
    await expect(read(text)).rejects.toEqual(invalid);
  });

  it("refuses files past the limit, and files that are not there", async () => {
    await expect(read("[1, 2]", 5)).rejects.toEqual(invalid);
    await expect(readJson(memoryFiles({}), "a.json", 5)).rejects.toMatchObject({ code: "not-found" });
  });

  it("refuses nesting past 128 levels, and counts no brackets in text", async () => {
    const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
    await expect(read(nested(128))).resolves.toBeInstanceOf(Array);
    await expect(read(nested(129))).rejects.toThrow(/nests deeper than 128/);
    await expect(read(`${'{"a":'.repeat(129)}1${"}".repeat(129)}`)).rejects.toThrow(/nests deeper than 128/);
    const text = `a"\\${"[{".repeat(200)}`;
    await expect(read(JSON.stringify([text, "["]))).resolves.toEqual([text, "["]);
  });
});
