/** Small files that a user names: read whole, with clear errors. */
import { readFile, stat } from "node:fs/promises";
import { DynamoError } from "@dynamo/core";

/** Token lists, vectors and configs are far smaller. */
const maxBytes = 256 * 2 ** 20;

/** Throws `not-found` when there is no such file, `invalid-file` when it is too large. */
export async function readText(file: string): Promise<string> {
  const found = await stat(file).catch((cause: unknown) => {
    throw new DynamoError("not-found", `cannot read ${file}`, { cause });
  });
  if (found.size > maxBytes)
    throw new DynamoError("invalid-file", `${file}: expected at most ${maxBytes} bytes, received ${found.size}`);
  return readFile(file, "utf8").catch((cause: unknown) => {
    throw new DynamoError("not-found", `cannot read ${file}`, { cause });
  });
}

/** Throws `invalid-file` too when it is no JSON. */
export async function readJsonFile(file: string): Promise<unknown> {
  const text = await readText(file);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DynamoError("invalid-file", `${file} is not JSON`, { cause });
  }
}
