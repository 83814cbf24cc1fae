/** Documents of text files, streamed: files of any size, one document (or a piece of one) in memory. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { DynamoError } from "@dynamo/core";

export interface DocumentPiece {
  readonly text: string;
  /** The document ends with this piece. */
  readonly last: boolean;
  /** Bytes of all files read so far. */
  readonly bytesRead: number;
}

export const separator = "<|endoftext|>";

/** A document longer than this is cut at a line's end: tokens may differ at the cut, one in some hundred thousand. */
const pieceCharacters = 2 ** 20;

export async function totalBytes(files: readonly string[]): Promise<number> {
  let total = 0;
  for (const file of files) {
    const found = await stat(file).catch(() => undefined);
    if (found?.isFile() !== true) throw new DynamoError("not-found", `there is no file ${file}`);
    total += found.size;
  }
  return total;
}

/** Text files hold documents between `<|endoftext|>`; .jsonl files one a line, as {"text": …}. */
export async function* documents(files: readonly string[]): AsyncGenerator<DocumentPiece> {
  let before = 0;
  for (const file of files) {
    yield* file.endsWith(".jsonl") ? jsonLines(file, before) : plainText(file, before);
    before += (await stat(file)).size;
  }
}

async function* plainText(file: string, before: number): AsyncGenerator<DocumentPiece> {
  const stream = createReadStream(file, { encoding: "utf8", highWaterMark: 2 ** 18 });
  let held = "";
  /** Pieces of the document that `held` goes on with are out: it must be ended, even when only blanks are left of it. */
  let begun = false;
  for await (const chunk of stream as AsyncIterable<string>) {
    held += chunk;
    const bytesRead = before + stream.bytesRead;
    const parts = held.split(separator);
    held = parts.pop() ?? "";
    for (const part of parts) {
      const text = begun ? part.trimEnd() : part.trim();
      if (begun || text !== "") yield { text, last: true, bytesRead };
      begun = false;
    }
    // A piece ends with a line, and never inside what may become a separator.
    const cut = held.length > pieceCharacters ? held.lastIndexOf("\n", held.length - separator.length) + 1 : 0;
    if (cut > 0) {
      yield { text: held.slice(0, cut), last: false, bytesRead };
      held = held.slice(cut);
      begun = true;
    }
  }
  const text = begun ? held.trimEnd() : held.trim();
  if (begun || text !== "") yield { text, last: true, bytesRead: before + stream.bytesRead };
}

async function* jsonLines(file: string, before: number): AsyncGenerator<DocumentPiece> {
  const stream = createReadStream(file, { encoding: "utf8" });
  let line = 0;
  for await (const text of createInterface({ input: stream, crlfDelay: Infinity })) {
    line++;
    if (text.trim() === "") continue;
    yield { text: textOf(text, file, line), last: true, bytesRead: before + stream.bytesRead };
  }
}

function textOf(line: string, file: string, number: number): string {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw new DynamoError("invalid-file", `${file}:${number} is not JSON`, { cause });
  }
  const text = (json as { text?: unknown } | null)?.text;
  if (typeof text !== "string") throw new DynamoError("invalid-file", `${file}:${number}: expected {"text": "…"}`);
  return text;
}
