/** Files that were made of others, beside these: a checkpoint's graph in memory or in a browser's cache. */
import type { ModelFiles } from "@dynamo/core";

/** A folder's files, and beside them some that are elsewhere. */
export function withFiles(files: ModelFiles, made: ReadonlyMap<string, MadeFile>): ModelFiles {
  return {
    location: files.location,
    size(path) {
      const file = made.get(path);
      return file === undefined ? files.size(path) : Promise.resolve(file.size);
    },
    read(path, limit) {
      const file = made.get(path);
      return file === undefined ? files.read(path, limit) : file.read(0, file.size);
    },
    readRange(path, byteOffset, byteLength) {
      const file = made.get(path);
      return file === undefined
        ? files.readRange(path, byteOffset, byteLength)
        : file.read(byteOffset, byteOffset + byteLength);
    },
    close: () => files.close?.() ?? Promise.resolve(),
  };
}

export interface MadeFile {
  readonly size: number;
  /** Bytes [start, end). */
  read(start: number, end: number): Promise<Uint8Array>;
}

export const inMemory = (bytes: Uint8Array): MadeFile => ({
  size: bytes.length,
  read: (start, end) => Promise.resolve(bytes.subarray(start, end)),
});
