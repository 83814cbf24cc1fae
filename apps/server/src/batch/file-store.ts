/**
 * The files of /v1/files in the data folder: `<id>` holds the bytes and `<id>.json` what is known about them. The latter is
 * written last and removed first: a file is there, whole, or it is not.
 */
import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
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

export interface FileStore {
  /** Throws ApiError 413 for more than so many bytes, and 507 when the disk is full; nothing is left then. */
  stage(content: AsyncIterable<Uint8Array | string>, mostBytes: number): Promise<StagedFile>;
  /** Undefined for a file that is not there, or is somebody else's. */
  find(id: string, owner: string): Promise<StoredFile | undefined>;
  /** The newest first. */
  list(owner: string): Promise<StoredFile[]>;
  remove(id: string): Promise<void>;
  pathOf(id: string): string;
}

/** What an upload that was cut off leaves is removed after so long: another replica may be writing it now. */
const staleMilliseconds = 24 * 3600 * 1000;

export async function openFileStore(folder: string): Promise<FileStore> {
  await mkdir(folder, { recursive: true });
  await removeStale(folder);
  const pathOf = (id: string): string => join(folder, id);
  const read = async (id: string): Promise<StoredFile | undefined> => {
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
    async find(id, owner) {
      const file = await read(id);
      return file?.owner === owner ? file : undefined;
    },
    async list(owner) {
      const ids = (await readdir(folder)).filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));
      const files = await Promise.all(ids.map(read));
      const own = files.filter((file) => file?.owner === owner) as StoredFile[];
      return own.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
    },
    async remove(id) {
      await rm(`${pathOf(id)}.json`, { force: true });
      await rm(pathOf(id), { force: true });
    },
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
    return await work();
  } catch (error) {
    await clean();
    throw diskError(error);
  }
}

const full = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

function diskError(error: unknown): unknown {
  if (!full.has(codeOf(error) ?? "")) return error;
  return new ApiError(507, "the disk of the data folder is full: nothing of the file was kept", { code: "disk_full" });
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
