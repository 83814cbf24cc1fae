/** Writes a file so that it is there whole, or not at all, also after a power cut. */
import { open, rename, rm } from "node:fs/promises";
import { checkValue, text, valueCheck } from "@dynamo/core/options";
import { writeError } from "./write-error.js";

const pathCheck = valueCheck<string>(
  "a file's path",
  (value) => typeof value === "string" && value !== "" && !value.includes("\0"),
);

/**
 * Replaces the file at `path` by one with `content`. When that fails, the file is what it was. Throws `invalid-argument` where
 * it cannot be written, `runtime` when the disk is full.
 */
export async function writeFileAtomically(path: string, content: string): Promise<void> {
  checkValue("path", path, pathCheck);
  checkValue("content", content, text);
  const partial = `${path}.partial`;
  try {
    const handle = await open(partial, "w");
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw writeError(error, path);
  }
}
