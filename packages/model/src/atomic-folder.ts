/** Writes a folder so that it is there whole, or not at all. */
import { randomUUID } from "node:crypto";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { DynamoError } from "@dynamo/core";

/** Temporary folders are named .<target>.partial-<id>: what a killed process left behind can be told and deleted. */
const partial = (target: string): string => join(dirname(target), `.${basename(target)}.partial-${randomUUID()}`);

/**
 * Lets `write` fill a folder beside `target`, then renames it into place. When `write` fails the folder is removed and
 * `target` stays as it was. Throws `invalid-argument` when `target` exists and `overwrite` is not set.
 */
export async function writeFolderAtomically(
  target: string,
  write: (folder: string) => Promise<void>,
  { overwrite = false }: { readonly overwrite?: boolean } = {},
): Promise<void> {
  const place = resolve(target);
  const exists = (await stat(place).catch(() => undefined)) !== undefined;
  if (exists && !overwrite) throw new DynamoError("invalid-argument", `${target} exists already: choose another folder, or overwrite it`);
  const folder = partial(place);
  try {
    await mkdir(folder, { recursive: true });
    await write(folder);
    await swap(folder, place, exists);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw describeFull(error, target);
  }
}

async function swap(folder: string, place: string, exists: boolean): Promise<void> {
  if (!exists) return rename(folder, place);
  const old = partial(place);
  await rename(place, old);
  try {
    await rename(folder, place);
  } catch (error) {
    await rename(old, place);
    throw error;
  }
  await rm(old, { recursive: true, force: true });
}

function describeFull(error: unknown, target: string): unknown {
  if ((error as NodeJS.ErrnoException | undefined)?.code !== "ENOSPC") return error;
  return new DynamoError("runtime", `the disk is full: ${target} was not written`, { cause: error });
}
