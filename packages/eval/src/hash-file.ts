/** A file's SHA-256, in hexadecimal: results name what they are of. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { DynamoError } from "@dynamo/core";
import { checkValue, someText } from "@dynamo/core/options";

/** Throws `not-found` for a file that cannot be read. */
export async function hashFile(path: string): Promise<string> {
  checkValue("path", path, someText);
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  } catch (cause) {
    throw new DynamoError("not-found", `cannot read ${path}`, { cause });
  }
  return hash.digest("hex");
}
