/** The file of a model's own texts, a JSON line each, and the record of its options beside it: a run that stopped goes on. */
import { existsSync } from "node:fs";
import { open, readFile, rm, truncate, writeFile, type FileHandle } from "node:fs/promises";
import { DynamoError } from "@dynamo/core";
import { claimPlace, type JsonObject } from "@dynamo/eval";
import type { WrittenText } from "./own-text.js";

export interface TextFile {
  readonly texts: number;
  readonly tokens: number;
  /** Nothing is written, or written over, before the first text. */
  append(text: WrittenText): Promise<void>;
  close(): Promise<void>;
}

export interface TextFileOptions {
  readonly resume?: boolean | undefined;
  readonly overwrite?: boolean | undefined;
  /** Everything that the texts depend on. */
  readonly record: JsonObject;
}

const recordOf = (out: string): string => `${out}.manifest.json`;

/**
 * Throws `invalid-argument` for a file that is there and is neither to be gone on with nor to be replaced, and for one of other
 * options; `invalid-file` for a damaged one.
 */
export async function openTextFile(out: string, { resume, overwrite, record }: TextFileOptions): Promise<TextFile> {
  const goesOn = existsSync(out) && overwrite !== true;
  if (goesOn && resume !== true)
    throw new DynamoError("invalid-argument", `${out} exists: --resume goes on with it, --overwrite begins again`);
  const there = goesOn ? await readTexts(out, record) : { texts: 0, tokens: 0, bytes: 0 };
  let [{ texts, tokens }, file]: [Pick<Found, "texts" | "tokens">, FileHandle | undefined] = [there, undefined];
  const begin = async (): Promise<FileHandle> => {
    if (goesOn) await truncate(out, there.bytes);
    else {
      await writeFile(out, "");
      await rm(recordOf(out), { force: true });
      await claimPlace(recordOf(out), record, out);
    }
    return open(out, "a");
  };
  return {
    get texts() {
      return texts;
    },
    get tokens() {
      return tokens;
    },
    async append(text) {
      file ??= await begin();
      await file.appendFile(`${JSON.stringify(text)}\n`);
      texts++;
      tokens += text.tokens;
    },
    close: async () => file?.close(),
  };
}

interface Found {
  readonly texts: number;
  readonly tokens: number;
  /** Of whole lines: half a line of a process that was killed is dropped. */
  readonly bytes: number;
}

async function readTexts(out: string, record: JsonObject): Promise<Found> {
  if (!existsSync(recordOf(out)))
    throw new DynamoError(
      "invalid-argument",
      `${out}: expected ${recordOf(out)}, the options that it was begun with, found none; --overwrite begins again`,
    );
  await claimPlace(recordOf(out), record, out);
  const content = await readFile(out);
  let [texts, tokens, bytes] = [0, 0, 0];
  for (let end = content.indexOf(10); end !== -1; end = content.indexOf(10, bytes)) {
    tokens += tokensOf(content.toString("utf8", bytes, end), `${out}, line ${++texts}`);
    bytes = end + 1;
  }
  return { texts, tokens, bytes };
}

function tokensOf(line: string, place: string): number {
  let tokens: unknown;
  try {
    ({ tokens } = JSON.parse(line) as { tokens?: unknown });
  } catch {
    tokens = undefined;
  }
  if (typeof tokens === "number") return tokens;
  throw new DynamoError("invalid-file", `${place}: expected a text of an earlier run, with its tokens`);
}
