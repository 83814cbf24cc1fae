/** Small files of a run: replaced whole or not at all, since a run may be killed at any moment, and read with clear errors. */
import { appendFile, open, readFile, rename, rm } from "node:fs/promises";
import { DynamoError } from "@dynamo/core";
import type { z } from "zod";

/** run.json and training.json are a few kilobytes. */
const maxJsonCharacters = 2 ** 20;

/** Throws `runtime` when the disk is full; the file is then what it was. */
export async function replaceText(path: string, text: string): Promise<void> {
  const partial = `${path}.partial`;
  try {
    const handle = await open(partial, "w");
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw diskError(error, path);
  }
}

export async function appendText(path: string, text: string): Promise<void> {
  await appendFile(path, text).catch((error: unknown) => {
    throw diskError(error, path);
  });
}

/** Undefined for a file that is not there; throws `invalid-file` for one that is not what `schema` says. */
export async function readJson<T extends z.ZodType>(path: string, schema: T): Promise<z.output<T> | undefined> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new DynamoError("invalid-file", `${path} cannot be read (${String(codeOf(error))})`, { cause: error });
  });
  if (text === undefined) return undefined;
  if (text.length > maxJsonCharacters)
    throw new DynamoError("invalid-file", `${path}: expected at most ${maxJsonCharacters} characters`);
  const parsed = schema.safeParse(parseJson(text, path));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path: at, message }) => `${at.join(".") || "the file"}: ${message}`);
  throw new DynamoError("invalid-file", `${path}: ${problems.join("; ")}`);
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DynamoError("invalid-file", `${path} is not JSON`, { cause });
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;

/** A full disk's error says so; others stay as they are. */
export function diskError(error: unknown, path: string): unknown {
  const code = codeOf(error);
  if (!["ENOSPC", "EDQUOT", "EFBIG"].includes(code ?? "")) return error;
  return new DynamoError("runtime", `the disk is full (${String(code)}): ${path} was not written`, { cause: error });
}
