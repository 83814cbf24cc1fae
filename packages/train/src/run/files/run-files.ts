/** Small files of a run: lines added, and JSON read with clear errors. */
import { appendFile, readFile } from "node:fs/promises";
import { DynamoError } from "@dynamo/core";
import { writeError } from "@dynamo/model/convert";
import type { z } from "zod";

/** run.json and training.json are a few kilobytes. */
const maxJsonCharacters = 2 ** 20;

/** Throws `runtime` when the disk is full, `invalid-argument` where the file cannot be written. */
export async function appendText(path: string, text: string): Promise<void> {
  await appendFile(path, text).catch((error: unknown) => {
    throw writeError(error, path);
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
