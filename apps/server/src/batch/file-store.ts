/**
 * The files of /v1/files in the data folder: `<id>` holds the bytes and `<id>.json` what is known about them. The latter is
 * written last and removed first: a file is there, whole, or it is not.
 */
import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Transform, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { int, strictObject, string, type infer as Infer } from "zod";
import { ApiError } from "../openai/errors.js";

const about = strictObject({
  id: string(),
  owner: string(),
  filename: string(),
  purpose: string(),
  bytes: int(),
  /** Seconds since 1970. */
  createdAt: int(),
});
export type StoredFile = Infer<typeof about>;

/** Bytes that are on the disk, and no file yet. */
export interface StagedFile {
  readonly bytes: number;
  keep(about: Omit<StoredFile, "bytes" | "createdAt">): Promise<StoredFile>;
  drop(): Promise<void>;
}

/** Each throws ApiError 507 when the disk is full, and 500 with the code `disk_failed` for what else the disk does not do. */
export interface FileStore {
  /** Throws ApiError 413 for more than so many bytes; whenever it throws, nothing is left. */
  stage(content: AsyncIterable<Uint8Array | string>, mostBytes: number): Promise<StagedFile>;
  /** Undefined for a file that is not there, or is somebody else's. */
  find(id: string, owner: string): Promise<StoredFile | undefined>;
  /** The newest first. */
  list(owner: string): Promise<StoredFile[]>;
  remove(id: string): Promise<void>;
  /** Its bytes; they come from the file as it was now, also when it is removed meanwhile. */
  read(id: string): Promise<Readable>;
  pathOf(id: string): string;
}

/** What an upload that was cut off leaves is removed after so long: another replica may be writing it now. */
const staleMilliseconds = 24 * 3600 * 1000;

export async function openFileStore(folder: string): Promise<FileStore> {
  await mkdir(folder, { recursive: true });
  await removeStale(folder);
  const pathOf = (id: string): string => join(folder, id);
  const describedAs = async (id: string): Promise<StoredFile | undefined> => {
    if (!isFileId(id)) return undefined;
    const text = await readFile(`${pathOf(id)}.json`, "utf8").catch(ignoreMissing);
    return text === undefined ? undefined : about.parse(JSON.parse(text));
  };
  return {
    pathOf,
    async stage(content, mostBytes) {
      const partial = join(folder, `${randomBytes(12).toString("hex")}.partial`);
      const drop = (): Promise<void> => rm(partial, { force: true });
      const bytes = await cleanly(drop, () => writeDurably(partial, content, mostBytes));
      return { bytes, drop, keep: (given) => cleanly(drop, () => keep(folder, partial, { ...given, bytes })) };
    },
    find: (id, owner) =>
      onDisk(async () => {
        const file = await describedAs(id);
        return file?.owner === owner ? file : undefined;
      }),
    list: (owner) =>
      onDisk(async () => {
        const ids = (await readdir(folder)).filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));
        const files = await Promise.all(ids.map(describedAs));
        const own = files.filter((file) => file?.owner === owner) as StoredFile[];
        return own.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
      }),
    remove: (id) =>
      onDisk(async () => {
        await rm(`${pathOf(id)}.json`, { force: true });
        await rm(pathOf(id), { force: true });
      }),
    read: (id) => onDisk(async () => (await open(pathOf(id))).createReadStream()),
  };
}

/** Of the time, so that names sort by it, and of chance. */
export const newId = (prefix: string): string =>
  `${prefix}${Date.now().toString(36).padStart(9, "0")}${randomBytes(10).toString("hex")}`;

export const newFileId = (): string => newId("file-");

/** Nothing else becomes a path. */
const isFileId = (id: string): boolean => /^file-[0-9a-z]{1,64}(-output|-errors)?$/.test(id);

async function keep(folder: string, partial: string, given: Omit<StoredFile, "createdAt">): Promise<StoredFile> {
  const file = { ...given, createdAt: Math.floor(Date.now() / 1000) };
  await rename(partial, join(folder, file.id));
  const described = `${partial}.about`;
  await cleanly(
    () => rm(described, { force: true }),
    async () => {
      await writeDurably(described, [JSON.stringify(file)], Infinity);
      await rename(described, join(folder, `${file.id}.json`));
    },
  );
  await syncFolder(folder);
  return file;
}

/** The number of bytes. */
async function writeDurably(
  path: string,
  content: AsyncIterable<Uint8Array | string> | Iterable<string>,
  most: number,
): Promise<number> {
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > most)
        done(new ApiError(413, `file: expected at most ${most} bytes`, { param: "file", code: "too_large" }));
      else done(null, chunk);
    },
  });
  await pipeline(content, count, createWriteStream(path, { flags: "wx", flush: true }));
  return bytes;
}

async function cleanly<Value>(clean: () => Promise<void>, work: () => Promise<Value>): Promise<Value> {
  try {
    return await onDisk(work);
  } catch (error) {
    // What is wrong with the disk was wrong before.
    await clean().catch(() => undefined);
    throw error;
  }
}

const full = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
/** A client's connection fails with other codes than these. */
const failed = new Set([
  ...["EACCES", "EPERM", "EROFS", "EIO", "ENODEV", "ESTALE", "EBUSY", "EMFILE", "ENFILE"],
  ...["ENOENT", "ENOTDIR", "EISDIR", "ENOTEMPTY", "ELOOP", "ENAMETOOLONG"],
]);

/** The disk's own errors as the API tells them: without the paths of this machine, which stand in the log. */
async function onDisk<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (cause) {
    const code = codeOf(cause) ?? "";
    if (full.has(code))
      throw new ApiError(507, "the disk of the data folder is full: nothing of the file was kept", {
        ...{ code: "disk_full", cause },
      });
    if (failed.has(code))
      throw new ApiError(500, `the data folder cannot be read or written (${code})`, { code: "disk_failed", cause });
    throw cause;
  }
}

async function syncFolder(folder: string): Promise<void> {
  // A folder cannot be synchronised on every system.
  const handle = await open(folder).catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!/\.partial(\.about)?$/.test(name)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(ignoreMissing);
    if (found !== undefined && Date.now() - found.mtimeMs > staleMilliseconds) await rm(path, { force: true });
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== "ENOENT") throw error;
}
