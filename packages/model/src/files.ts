/** Where a model's files come from: a folder, a URL, a dropped folder, a package. */
import { DynamoError } from "@dynamo/core";

export interface ModelFiles {
  /** For messages: the folder or address. */
  readonly location: string;
  /** Bytes of a file, undefined when there is none. */
  size(path: string): Promise<number | undefined>;
  /** A whole file. Throws `not-found`, and `invalid-file` when it is larger than `limit` bytes. */
  read(path: string, limit: number): Promise<Uint8Array>;
  /** Bytes [byteOffset, byteOffset + byteLength) of a file; throws `invalid-file` when it is shorter. */
  readRange(path: string, byteOffset: number, byteLength: number): Promise<Uint8Array>;
  /** The file's path for code that opens it by itself, where there is a file system. */
  localPath?(path: string): string;
  close?(): Promise<void>;
}

/** Paths come from untrusted files too (shard names): they must stay inside the folder. */
export function checkInside(path: string): void {
  const parts = path.split("/");
  if (path === "" || /[\\:\0]/.test(path) || parts.some((part) => part === "" || part === "." || part === "..")) {
    throw new DynamoError("invalid-file", `expected the name of a file inside the model's folder, received ${JSON.stringify(path.slice(0, 200))}`);
  }
}

/** Reads and parses a JSON file of at most `limit` bytes; throws `invalid-file` when it is none. */
export async function readJson(files: ModelFiles, path: string, limit: number): Promise<unknown> {
  const bytes = await files.read(path, limit);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new DynamoError("invalid-file", `${files.location}: ${path} is not JSON`, { cause });
  }
}
