/** A model's files in a folder of Node's file system. */
import { checkValue } from "@dynamo/core/options";
import { folderCheck } from "./arguments.js";
import { statSync } from "node:fs";
import { open, stat, type FileHandle } from "node:fs/promises";
import { join, resolve } from "node:path";
import { checkInside, DynamoError, type ModelFiles } from "@dynamo/core";

/** Node reads fewer than 2^31 bytes at a time. */
const maxReadBytes = 2 ** 30;

/**
 * Files are opened once and stay open until `close`; links are followed, as the Hugging Face cache is made of them.
 * Throws `not-found` when `directory` is no folder. The caller closes it.
 */
export function nodeFolder(directory: string): ModelFiles {
  checkValue("directory", directory, folderCheck);
  const root = resolve(directory);
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new DynamoError("not-found", `expected a model or checkpoint folder, found none at ${directory}`);
  }
  const handles = openHandles(directory);
  const localPath = (path: string): string => {
    checkInside(path);
    return join(root, path);
  };
  const size = async (path: string): Promise<number | undefined> => {
    const found = await stat(localPath(path)).catch(() => undefined);
    return found?.isFile() === true ? found.size : undefined;
  };
  const readRange = async (path: string, byteOffset: number, byteLength: number): Promise<Uint8Array> =>
    readBytes(await handles.of(localPath(path)), join(directory, path), byteOffset, byteLength);
  return {
    location: directory,
    localPath,
    size,
    readRange,
    async read(path, limit) {
      const bytes = await size(path);
      if (bytes === undefined) throw new DynamoError("not-found", `${directory} has no file ${path}`);
      if (bytes > limit) {
        throw new DynamoError(
          "invalid-file",
          `${join(directory, path)}: expected at most ${limit} bytes, received ${bytes}`,
        );
      }
      return readRange(path, 0, bytes);
    },
    close: () => handles.close(),
  };
}

function openHandles(directory: string): { of(file: string): Promise<FileHandle>; close(): Promise<void> } {
  const handles = new Map<string, Promise<FileHandle>>();
  return {
    async of(file) {
      const handle = handles.get(file) ?? open(file, "r");
      handles.set(file, handle);
      try {
        return await handle;
      } catch (cause) {
        handles.delete(file);
        const reason = (cause as NodeJS.ErrnoException).code ?? "unknown reason";
        throw new DynamoError("not-found", `${directory}: cannot open ${file} (${reason})`, { cause });
      }
    },
    async close() {
      const opened = await Promise.allSettled(handles.values());
      handles.clear();
      for (const handle of opened) if (handle.status === "fulfilled") await handle.value.close();
    },
  };
}

/** The file's size is asked for first: a range past its end must not allocate what it claims. */
async function readBytes(
  handle: FileHandle,
  name: string,
  byteOffset: number,
  byteLength: number,
): Promise<Uint8Array> {
  const end = byteOffset + byteLength;
  const { size } = await handle.stat();
  if (!(byteOffset >= 0 && byteLength >= 0 && end <= size)) {
    throw new DynamoError("invalid-file", `${name} has ${size} bytes, expected bytes ${byteOffset} to ${end}`);
  }
  const bytes = new Uint8Array(byteLength);
  for (let done = 0; done < byteLength;) {
    const { bytesRead } = await handle.read(bytes, done, Math.min(byteLength - done, maxReadBytes), byteOffset + done);
    if (bytesRead === 0) throw new DynamoError("invalid-file", `${name} became shorter while it was read`);
    done += bytesRead;
  }
  return bytes;
}
