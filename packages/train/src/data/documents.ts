/** Documents of text files, streamed: files of any size, one document (or a piece of one) in memory. */
import { stat } from "node:fs/promises";
import { DynamoError } from "@dynamo/core";
import { checkValue } from "@dynamo/core/options";
import { filesCheck } from "../arguments.js";
import { createPieceCutter, type Piece } from "./pieces.js";
import { readUtf8 } from "./utf8.js";

/** A piece of a document. */
export interface DocumentPiece extends Piece {
  /** Bytes of all files read so far. */
  readonly bytesRead: number;
}

/** What stands between the documents of a text file. */
export const separator = "<|endoftext|>";

/** A line is held whole; the longest documents of public corpora have some ten million characters. */
const maxLineCharacters = 2 ** 27;

/** Throws `not-found` for a file that is not there. */
export async function totalBytes(files: readonly string[]): Promise<number> {
  checkValue("files", files, filesCheck);
  let total = 0;
  for (const file of files) {
    const found = await stat(file).catch(() => undefined);
    if (found?.isFile() !== true) throw new DynamoError("not-found", `there is no file ${file}`);
    total += found.size;
  }
  return total;
}

/**
 * Text files hold documents between `<|endoftext|>`; .jsonl files one a line, as {"text": …}. Documents come trimmed, and
 * blank ones not at all. Throws `not-found` for a file that is not there, `invalid-file` for what is not UTF-8 or not such a line.
 */
export async function* documents(files: readonly string[]): AsyncGenerator<DocumentPiece> {
  // Each is there.
  await totalBytes(files);
  let before = 0;
  for (const file of files) {
    yield* file.endsWith(".jsonl") ? jsonLines(file, before) : plainText(file, before);
    before += (await stat(file)).size;
  }
}

async function* plainText(file: string, before: number): AsyncGenerator<DocumentPiece> {
  const cutter = createPieceCutter();
  let held = "";
  let bytesRead = before;
  for await (const chunk of readUtf8(file)) {
    bytesRead = before + chunk.bytesRead;
    const parts = (held + chunk.text).split(separator);
    const open = parts.pop() ?? "";
    for (const part of parts) for (const piece of cutter.end(part)) yield { ...piece, bytesRead };
    // The end of what is open may be the beginning of a separator.
    const { pieces, rest } = cutter.cut(open, separator.length - 1);
    for (const piece of pieces) yield { ...piece, bytesRead };
    held = rest;
  }
  for (const piece of cutter.end(held)) yield { ...piece, bytesRead };
}

async function* jsonLines(file: string, before: number): AsyncGenerator<DocumentPiece> {
  const cutter = createPieceCutter();
  let held = "";
  let number = 0;
  let bytesRead = before;
  function* piecesOf(line: string): Generator<DocumentPiece> {
    number++;
    if (line.trim() === "") return;
    for (const piece of cutter.end(textOf(line, file, number))) yield { ...piece, bytesRead };
  }
  for await (const chunk of readUtf8(file)) {
    bytesRead = before + chunk.bytesRead;
    const lines = chunk.text.split("\n");
    lines[0] = held + (lines[0] ?? "");
    held = lines.pop() ?? "";
    for (const line of lines) yield* piecesOf(line);
    if (held.length > maxLineCharacters) {
      throw new DynamoError(
        "invalid-file",
        `${file}:${number + 1}: expected a line of at most ${maxLineCharacters} characters`,
      );
    }
  }
  yield* piecesOf(held);
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
