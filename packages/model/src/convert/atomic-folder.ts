/** Writes a folder so that it is there whole, or not at all. */
import { randomUUID } from "node:crypto";
import { lstat, mkdir, open, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { DynamoError } from "@dynamo/core";
import { callback, checkOptions, checkValue, flag, someText, type OptionChecks } from "@dynamo/core/options";
import { folderCheck } from "../arguments.js";
import { codeOf, isFull, writeError } from "./write-error.js";

/**
 * Names beside the target: `.<name>.partial-<id>` while it is written, `.<name>.replaced-<id>` for what an overwrite is
 * about to delete. A killed process may leave either: partial ones are rubbish, a replaced one without its target is whole.
 */
const beside = (target: string, what: "partial" | "replaced"): string =>
  join(dirname(target), `.${basename(target)}.${what}-${randomUUID()}`);

export interface AtomicFolderOptions {
  readonly overwrite?: boolean;
  /** The file by which a folder that may be replaced is known. */
  readonly marker?: string;
}

const atomicChecks: OptionChecks<AtomicFolderOptions> = { overwrite: flag, marker: someText };

/**
 * Lets `write` fill a folder beside `target`, flushes it to the disk and renames it into place. When anything fails the
 * folder is removed and `target` stays as it was. Throws `invalid-argument` when `target` exists and `overwrite` is not
 * set, when it has no `marker` file that shows that it may be replaced, and when it cannot be written;
 * `runtime` when the disk is full.
 */
export async function writeFolderAtomically(
  target: string,
  write: (folder: string) => Promise<void>,
  options: AtomicFolderOptions = {},
): Promise<void> {
  checkValue("target", target, folderCheck);
  checkValue("write", write, callback());
  checkOptions("writeFolderAtomically()", options, atomicChecks);
  const { overwrite = false, marker = "config.json" } = options;
  // Through a link the folder that it points to is written.
  const place = await realpath(target).catch(() => resolve(target));
  const exists = await checkTarget(place, target, overwrite, marker);
  const folder = beside(place, "partial");
  try {
    await makeFolder(dirname(folder));
    await mkdir(folder);
    await write(folder);
    await flushTree(folder);
    await (exists ? swap(folder, place) : rename(folder, place));
    await flush(dirname(place));
  } catch (error) {
    // The reason why is worth more than a failure to tidy up after it.
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    throw writeError(error, target);
  }
}

/** Whether the target exists; throws when it must not be written. Overwriting deletes: never a folder of something else. */
async function checkTarget(place: string, target: string, overwrite: boolean, marker: string): Promise<boolean> {
  const found = await lstat(place).catch(() => undefined);
  if (found === undefined) return false;
  if (!overwrite) {
    throw new DynamoError("invalid-argument", `${target} exists already: choose another folder, or overwrite it`);
  }
  const entries = found.isDirectory() ? await readdir(place) : ["a file"];
  if (entries.length > 0 && !entries.includes(marker)) {
    throw new DynamoError(
      "invalid-argument",
      `${target} holds something else (it has no ${marker}): expected a folder of its kind to overwrite`,
    );
  }
  return true;
}

/** One by one: Node's own recursive mkdir never returns where no folder can be made, as in /proc. */
async function makeFolder(path: string): Promise<void> {
  if ((await stat(path).catch(() => undefined)) !== undefined) return;
  await makeFolder(dirname(path));
  await mkdir(path).catch((error: unknown) => {
    if (codeOf(error) !== "EEXIST") throw error;
  });
}

async function swap(folder: string, place: string): Promise<void> {
  const old = beside(place, "replaced");
  await rename(place, old);
  try {
    await rename(folder, place);
  } catch (error) {
    await rename(old, place);
    throw error;
  }
  // The new folder is in place: what is left of the old one is no failure.
  await rm(old, { recursive: true, force: true }).catch(() => undefined);
}

/** After this a power cut finds the folder's files whole. */
async function flushTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    await flush(join(entry.parentPath, entry.name));
  }
  await flush(folder);
}

async function flush(path: string): Promise<void> {
  // Windows cannot open folders.
  const handle = await open(path, "r").catch(() => undefined);
  try {
    await handle?.sync();
  } catch (error) {
    // Read-only handles and folders cannot be flushed everywhere; a full disk must be heard.
    if (isFull(error)) throw error;
  } finally {
    await handle?.close();
  }
}
