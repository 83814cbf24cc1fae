import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newFileId, openFileStore } from "./file-store.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-files-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const given = (id: string, owner = "alice"): Parameters<Awaited<ReturnType<StageOf>>["keep"]>[0] => ({
  ...{ id, owner, filename: "x.jsonl", purpose: "batch" },
});
type StageOf = Awaited<ReturnType<typeof openFileStore>>["stage"];

async function* content(...pieces: string[]): AsyncGenerator<string, void> {
  for (const piece of pieces) {
    await Promise.resolve();
    yield piece;
  }
}

describe("openFileStore", () => {
  it("keeps a file whole, for its owner only", async () => {
    const files = await openFileStore(folder);
    const staged = await files.stage(content("one\n", "two\n"), 100);
    expect(await files.list("alice")).toEqual([]);
    const id = newFileId();
    const file = await staged.keep(given(id));
    expect(file).toMatchObject({ id, bytes: 8, owner: "alice" });
    expect(readFileSync(files.pathOf(id), "utf8")).toBe("one\ntwo\n");
    expect(await files.find(id, "alice")).toEqual(file);
    expect([await files.find(id, "bob"), await files.list("bob")]).toEqual([undefined, []]);
    expect(await (await openFileStore(folder)).list("alice")).toEqual([file]);
    await files.remove(id);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("a name that is no file's is never a path", async () => {
    const files = await openFileStore(join(folder, "files"));
    writeFileSync(join(folder, "secret.json"), "{}");
    for (const id of ["../secret", "file-../../secret", "", "file-"]) expect(await files.find(id, "")).toBeUndefined();
  });

  it("one that is too large, or breaks off, leaves nothing", async () => {
    const files = await openFileStore(folder);
    await expect(files.stage(content("12345", "6"), 5)).rejects.toMatchObject({ status: 413 });
    await expect(files.stage(broken(), 100)).rejects.toThrow("the client is gone");
    expect(readdirSync(folder)).toEqual([]);
  });

  it("removes what an upload that was cut off left a day ago, and nothing newer", async () => {
    for (const name of ["old.partial", "new.partial"]) writeFileSync(join(folder, name), "");
    utimesSync(join(folder, "old.partial"), 0, 0);
    await openFileStore(folder);
    expect(readdirSync(folder)).toEqual(["new.partial"]);
  });

  it("what the disk does not do is said without its paths, and the reason kept for the log", async () => {
    const files = await openFileStore(folder);
    const id = newFileId();
    // The owner of the system may read and write everything: these fail for everybody.
    mkdirSync(join(folder, `${id}.json`));
    const fails = (code: string): object => ({
      status: 500,
      message: `the data folder cannot be read or written (${code})`,
      body: { error: { code: "disk_failed", type: "server_error" } },
      cause: { code },
    });
    await expect(files.find(id, "alice")).rejects.toMatchObject(fails("EISDIR"));
    await expect(files.read(id)).rejects.toMatchObject(fails("ENOENT"));
    rmSync(folder, { recursive: true });
    writeFileSync(folder, "");
    await expect(files.list("alice")).rejects.toMatchObject(fails("ENOTDIR"));
    await expect(files.stage(content("a"), 10)).rejects.toMatchObject(fails("ENOTDIR"));
    await expect(files.remove(id)).rejects.toMatchObject(fails("ENOTDIR"));
  });

  it("a full disk is said, and nothing is left on it", async (context) => {
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], { stdio: "pipe" });
    } catch {
      return context.skip("a small file system cannot be mounted here: a full disk is not tested");
    }
    try {
      const files = await openFileStore(folder);
      const pieces = Array.from({ length: 64 }, () => "x".repeat(8192));
      await expect(files.stage(content(...pieces), 1e9)).rejects.toMatchObject({
        ...{ status: 507, body: { error: { code: "disk_full" } } },
      });
      expect(readdirSync(folder)).toEqual([]);
      await (await files.stage(content("fits"), 100)).keep(given(newFileId()));
      expect(await files.list("alice")).toHaveLength(1);
    } finally {
      execFileSync("umount", [folder]);
    }
  });
});

async function* broken(): AsyncGenerator<string, void> {
  yield "begun";
  await Promise.resolve();
  throw new Error("the client is gone");
}
