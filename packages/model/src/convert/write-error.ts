/** Why a file or folder was not written. */
import { DynamoError } from "@dynamo/core";

/** A system error's code, such as `ENOSPC`. */
export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;
/** A full disk, in the words of Linux, macOS and quotas. */
export const isFull = (error: unknown): boolean => ["ENOSPC", "EDQUOT", "EFBIG"].includes(codeOf(error) ?? "");
const isRefused = (error: unknown): boolean =>
  ["EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EISDIR", "EEXIST", "ENOTEMPTY", "ENAMETOOLONG"].includes(
    codeOf(error) ?? "",
  );

/** System errors by what a person can do about them; a full disk also as the cause of another error. */
export function writeError(error: unknown, target: string): unknown {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (isFull(cause))
      return new DynamoError("runtime", `the disk is full (${codeOf(cause)}): ${target} was not written`, {
        cause: error,
      });
  }
  if (!isRefused(error)) return error;
  return new DynamoError("invalid-argument", `${target} cannot be written (${codeOf(error)})`, { cause: error });
}
