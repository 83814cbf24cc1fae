import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir, open, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeFolderAtomically } from "./atomic-folder.js";

let parent: string;
let target: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "dynamo-atomic-"));
  target = join(parent, "model");
});
afterEach(() => {
  rmSync(parent, { recursive: true, force: true });
});

const fill =
  (text: string) =>
  async (folder: string): Promise<void> => {
    await mkdir(join(folder, "onnx"));
    await writeFile(join(folder, "onnx/model.onnx"), text);
    await writeFile(join(folder, "config.json"), "{}");
  };
const written = (): string => readFileSync(join(target, "onnx/model.onnx"), "utf8");
const full = (): Error => Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });

describe("writeFolderAtomically", () => {
  it("shows nothing at the target before all is written", async () => {
    await writeFolderAtomically(target, async (folder) => {
      await fill("weights")(folder);
      expect(readdirSync(parent)).toEqual([expect.stringMatching(/^\.model\.partial-/)]);
    });
    expect(readdirSync(parent)).toEqual(["model"]);
    expect(written()).toBe("weights");
  });

  it("makes the folders above the target", async () => {
    await writeFolderAtomically(join(parent, "a/b/model"), fill("weights"));
    expect(readdirSync(join(parent, "a/b"))).toEqual(["model"]);
  });

  it("refuses a target that exists, and does not begin to write", async () => {
    await writeFolderAtomically(target, fill("old"));
    let began = false;
    const second = writeFolderAtomically(target, () => {
      began = true;
      return Promise.resolve();
    });
    await expect(second).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringMatching(/exists already/),
    });
    expect([began, written()]).toEqual([false, "old"]);
  });

  it("replaces the whole folder when told to overwrite", async () => {
    await writeFolderAtomically(target, fill("old"));
    writeFileSync(join(target, "left-over"), "x");
    await writeFolderAtomically(target, fill("new"), { overwrite: true });
    expect(written()).toBe("new");
    expect(readdirSync(target).sort()).toEqual(["config.json", "onnx"]);
    expect(readdirSync(parent)).toEqual(["model"]);
  });

  it("overwrites where there is nothing, and an empty folder", async () => {
    await writeFolderAtomically(target, fill("first"), { overwrite: true });
    expect(written()).toBe("first");
    mkdirSync(join(parent, "empty"));
    await writeFolderAtomically(join(parent, "empty"), fill("second"), { overwrite: true });
    expect(readdirSync(join(parent, "empty")).sort()).toEqual(["config.json", "onnx"]);
  });

  it("deletes no folder that is not a model's, and no file", async () => {
    mkdirSync(target);
    writeFileSync(join(target, "thesis.doc"), "precious");
    writeFileSync(join(parent, "file"), "precious");
    for (const place of [target, join(parent, "file")]) {
      await expect(writeFolderAtomically(place, fill("new"), { overwrite: true })).rejects.toMatchObject({
        code: "invalid-argument",
        message: expect.stringMatching(/holds something else/),
      });
    }
    expect(readFileSync(join(target, "thesis.doc"), "utf8")).toBe("precious");
    expect(readdirSync(parent).sort()).toEqual(["file", "model"]);
  });

  it.skipIf(process.platform === "win32")("writes through a link to the folder behind it", async () => {
    await writeFolderAtomically(target, fill("old"));
    symlinkSync(target, join(parent, "link"));
    await writeFolderAtomically(join(parent, "link"), fill("new"), { overwrite: true });
    expect(written()).toBe("new");
    expect(readdirSync(parent).sort()).toEqual(["link", "model"]);
  });
});

describe("a failure while writing", () => {
  const failures: [string, () => unknown, object][] = [
    ["an error", () => new TypeError("boom"), { name: "TypeError", message: "boom" }],
    ["an abort", () => new DynamoError("aborted", "stopped"), { code: "aborted" }],
    [
      "a full disk",
      full,
      { code: "runtime", message: expect.stringMatching(/the disk is full \(ENOSPC\).*was not written/) },
    ],
    [
      "a full disk, told by another error",
      () => new DynamoError("runtime", "cannot write weights", { cause: full() }),
      { message: expect.stringMatching(/the disk is full/) },
    ],
    ["a read-only disk", () => Object.assign(new Error("x"), { code: "EROFS" }), { code: "invalid-argument" }],
  ];

  it.each(failures)("leaves nothing behind: %s", async (_, error, expected) => {
    const attempt = writeFolderAtomically(target, async (folder) => {
      await fill("half")(folder);
      throw error();
    });
    await expect(attempt).rejects.toMatchObject(expected);
    expect(readdirSync(parent)).toEqual([]);
  });

  it.each(failures)("leaves the old folder as it was: %s", async (_, error, expected) => {
    await writeFolderAtomically(target, fill("old"));
    const attempt = writeFolderAtomically(
      target,
      async (folder) => {
        await fill("half")(folder);
        throw error();
      },
      { overwrite: true },
    );
    await expect(attempt).rejects.toMatchObject(expected);
    expect(written()).toBe("old");
    expect(readdirSync(parent)).toEqual(["model"]);
  });

  it.skipIf(process.platform !== "linux")("tells of a disk that the system calls full", async () => {
    const attempt = writeFolderAtomically(target, async (folder) => {
      await fill("half")(folder);
      const device = await open("/dev/full", "w");
      try {
        await device.write("x");
      } finally {
        await device.close();
      }
    });
    await expect(attempt).rejects.toMatchObject({
      code: "runtime",
      message: expect.stringMatching(/the disk is full/),
    });
    expect(readdirSync(parent)).toEqual([]);
  });

  it("names a target that cannot be made", async () => {
    writeFileSync(join(parent, "file"), "");
    await expect(writeFolderAtomically(join(parent, "file/model"), fill("x"))).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringMatching(/cannot be written \(ENOTDIR\)/),
    });
  });

  it.skipIf(process.platform !== "linux")("names a target where no folder can be made", async () => {
    for (const place of ["/proc/dynamo-model", "/proc/dynamo/model"]) {
      await expect(writeFolderAtomically(place, fill("x"))).rejects.toMatchObject({
        code: "invalid-argument",
        message: expect.stringMatching(/cannot be written \(ENOENT\)/),
      });
    }
  });

  it("loses a race for the target rather than what won it", async () => {
    const attempt = writeFolderAtomically(target, async (folder) => {
      await fill("late")(folder);
      await mkdir(target);
      await fill("early")(target);
    });
    await expect(attempt).rejects.toMatchObject({ code: "invalid-argument" });
    expect(written()).toBe("early");
    expect(readdirSync(parent)).toEqual(["model"]);
  });
});
