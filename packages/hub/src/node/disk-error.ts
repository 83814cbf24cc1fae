/** System errors of the cache's disk, by what a person can do about them. */
import { DynamoError } from "@dynamo/core";

const full = ["ENOSPC", "EDQUOT", "EFBIG"];
const refused = ["EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EISDIR", "EEXIST", "ENAMETOOLONG"];

/** What is not the disk's comes back as it is. */
export function diskError(error: unknown, path: string): Error {
  if (!(error instanceof Error)) return new DynamoError("runtime", `${path}: ${String(error)}`, { cause: error });
  const { code } = error as NodeJS.ErrnoException;
  if (DynamoError.is(error) || code === undefined) return error;
  if (full.includes(code)) {
    return new DynamoError(
      "runtime",
      `the disk is full (${code}): ${path} was not written; what is there stays, and the next download goes on from it`,
      { cause: error },
    );
  }
  if (!refused.includes(code)) return error;
  const way = "choose another cache folder (DYNAMO_HUB_CACHE)";
  return new DynamoError("invalid-argument", `${path} cannot be written (${code}): ${way}`, { cause: error });
}
