/** A model's files in a folder of Node's file system. */
import { statSync } from "node:fs";
import { open, stat, type FileHandle } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DynamoError } from "@dynamo/core";
import { checkInside, type ModelFiles } from "./files.js";

/** Throws `not-found` when `directory` is no folder. The caller closes it. */
export function nodeFolder(directory: string): ModelFiles {
  const root = resolve(directory);
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new DynamoError("not-found", `expected a model or checkpoint folder, found none at ${directory}`);
  }
  const handles = new Map<string, Promise<FileHandle>>();
  const localPath = (path: string): string => {
    checkInside(path);
    return join(root, path);
  };
  const handleOf = (path: string): Promise<FileHandle> => {
    let handle = handles.get(path);
    if (handle === undefined) handles.set(path, (handle = open(localPath(path), "r")));
    return handle;
  };
  const size = async (path: string): Promise<number | undefined> => {
    const found = await stat(localPath(path)).catch(() => undefined);
    return found?.isFile() === true ? found.size : undefined;
  };
  const readRange = async (path: string, byteOffset: number, byteLength: number): Promise<Uint8Array> => {
    const bytes = new Uint8Array(byteLength);
    const handle = await handleOf(path);
    for (let done = 0; done < byteLength; ) {
      const { bytesRead } = await handle.read(bytes, done, byteLength - done, byteOffset + done);
      if (bytesRead === 0) {
        throw new DynamoError("invalid-file", `${join(directory, path)} ends at byte ${byteOffset + done}, expected ${byteOffset + byteLength}`);
      }
      done += bytesRead;
    }
    return bytes;
  };
  return {
    location: directory,
    localPath,
    size,
    readRange,
    async read(path, limit) {
      const bytes = await size(path);
      if (bytes === undefined) throw new DynamoError("not-found", `${directory} has no file ${path}`);
      if (bytes > limit) throw new DynamoError("invalid-file", `${join(directory, path)}: expected at most ${limit} bytes, received ${bytes}`);
      return readRange(path, 0, bytes);
    },
    async close() {
      const open = [...handles.values()];
      handles.clear();
      for (const handle of open) await (await handle.catch(() => undefined))?.close();
    },
  };
}
