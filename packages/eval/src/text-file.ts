/** Files that are read whole, and are not trusted: their size is checked first, and what is in them later. */
import { readFile, stat } from "node:fs/promises";
import { DynamoError } from "@dynamo/core";

/** Throws `not-found` for a file that cannot be read, `invalid-file` for one of more than `most` bytes. */
export async function checkFileSize(path: string, most: number): Promise<void> {
  const { size } = await stat(path).catch((cause: unknown) => {
    throw new DynamoError("not-found", `cannot read ${path}`, { cause });
  });
  if (size > most) throw new DynamoError("invalid-file", `${path}: expected at most ${most} bytes, received ${size}`);
}

/** Throws as `checkFileSize` does. */
export async function readTextFile(path: string, most: number): Promise<string> {
  await checkFileSize(path, most);
  return readFile(path, "utf8");
}

/** Some programs begin a text with one. */
export const withoutByteOrderMark = (text: string): string => text.replace(/^\uFEFF/, "");

/** Undefined for what is no JSON. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
