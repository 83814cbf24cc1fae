/** Where a model's files come from: a folder, a URL, a dropped folder, a package. */
import { DynamoError } from "./errors.js";
import { checkValue, text } from "./value-checks.js";

/** The files of one model folder, wherever they are. */
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
  checkValue("path", path, text);
  const parts = path.split("/");
  // Half a character has no place in an address.
  if (/[\\:\0]|\p{Surrogate}/u.test(path) || parts.some((part) => part === "" || part === "." || part === "..")) {
    throw new DynamoError(
      "invalid-file",
      `expected the name of a file inside the model's folder, received ${JSON.stringify(path.slice(0, 200))}`,
    );
  }
}
