/** What is in a model or checkpoint folder, cheaply: small files by their bytes, weights by size, and by their beginning and end. */
import { createHash } from "node:crypto";
import { open, readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { DynamoError } from "@dynamo/core";

/** Bytes up to which a file is read whole; of a larger one so many at both ends. */
const [whole, ends] = [2 ** 20, 2 ** 16];
/** A folder of so many files is no model. */
const mostFiles = 1000;

/**
 * SHA-256 of the names, sizes and those bytes. It tells one training run's weights from another's (their tensors differ
 * throughout), not a single changed byte in the middle of them. Throws `not-found`.
 */
export async function folderHash(folder: string): Promise<string> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
    if (paths.length > mostFiles)
      throw new DynamoError(
        "invalid-file",
        `${folder}: expected a model's at most ${mostFiles} files, received ${paths.length}`,
      );
    const hash = createHash("sha256");
    for (const path of paths.sort()) {
      hash.update(`${relative(folder, path).replaceAll(sep, "/")}\0`);
      await addFile(hash, path);
    }
    return hash.digest("hex");
  } catch (cause) {
    if (DynamoError.is(cause)) throw cause;
    throw new DynamoError("not-found", `cannot read ${folder}`, { cause });
  }
}

async function addFile(hash: ReturnType<typeof createHash>, path: string): Promise<void> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    hash.update(`${size}\0`);
    if (size <= whole) hash.update(await file.readFile());
    else
      for (const position of [0, size - ends]) {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(ends), 0, ends, position);
        hash.update(buffer.subarray(0, bytesRead));
      }
  } finally {
    await file.close();
  }
}
