/** A text's tokens on the disk, so that a text may be bigger than memory and jobs read only their windows. */
import { createHash } from "node:crypto";
import { open, readFile, rename, writeFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError, throwIfAborted, type LanguageModel } from "@dynamo/core";
import { documents } from "@dynamo/train/node";
import { array, int, object } from "zod";

/** Documents' tokens one after the other, as 32-bit integers of this machine, and how many each document has. */
export interface TokenFile {
  readonly path: string;
  readonly lengths: readonly number[];
}

const tokenRows = object({ tokens: array(array(int().min(0)).min(1)).min(1) });
const lengthsFile = array(int().min(1));
const mostTokenBytes = 256 * 2 ** 20;

/** Where the tokens of a perplexity come from. */
export type TokenSource =
  /** Documents between <|endoftext|>, or .jsonl with {"text"}. */
  | { readonly text: string }
  /** JSON: {"tokens": [[ids], …]}, a document each, taken as they are. */
  | { readonly tokens: string };

/** In `folder`, made once: a second call finds it. Throws `not-found`, and `invalid-file` for what is no such file. */
export async function tokenFile(
  model: LanguageModel,
  source: TokenSource,
  { folder, signal }: { readonly folder: string; readonly signal: AbortSignal },
): Promise<TokenFile> {
  const name = createHash("sha256").update(JSON.stringify(source)).digest("hex").slice(0, 16);
  const path = join(folder, `${name}.tokens`);
  const lengthsPath = join(folder, `${name}.json`);
  const made = await readFile(lengthsPath, "utf8").catch(() => undefined);
  if (made !== undefined) return { path, lengths: lengthsFile.parse(JSON.parse(made)) };
  const file = await open(path, "w");
  try {
    const lengths: number[] = [];
    let held = 0;
    for await (const { tokens, last } of "text" in source ? textTokens(model, source.text) : rows(source.tokens)) {
      throwIfAborted(signal);
      await file.writeFile(new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength));
      held += tokens.length;
      if (!last) continue;
      lengths.push(held);
      held = 0;
    }
    await writeFile(`${lengthsPath}.new`, JSON.stringify(lengths));
    await rename(`${lengthsPath}.new`, lengthsPath);
    return { path, lengths };
  } finally {
    await file.close();
  }
}

interface TokenPiece {
  readonly tokens: Int32Array<ArrayBuffer>;
  /** The document ends with it. */
  readonly last: boolean;
}

async function* textTokens({ tokenizer, info }: LanguageModel, path: string): AsyncGenerator<TokenPiece> {
  let begins = true;
  for await (const { text, last } of documents([path])) {
    const begin = begins && info.beginOfTextId !== undefined ? [info.beginOfTextId] : [];
    yield { tokens: Int32Array.from([...begin, ...tokenizer.encode(text)]), last };
    begins = last;
  }
}

async function* rows(path: string): AsyncGenerator<TokenPiece> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new DynamoError("not-found", `cannot read ${path}`, { cause });
  });
  if (text.length > mostTokenBytes)
    throw new DynamoError("invalid-file", `${path}: expected at most 256 MiB of tokens`);
  const { data, error } = tokenRows.safeParse(parse(text));
  if (error !== undefined)
    throw new DynamoError(
      "invalid-file",
      `${path}: expected {"tokens": [[ids], …]}, ${error.issues[0]?.message ?? ""}`,
    );
  for (const row of data.tokens) yield { tokens: Int32Array.from(row), last: true };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `count` tokens from the `start`-th on. */
export async function readTokens(file: FileHandle, start: number, count: number): Promise<Int32Array> {
  const tokens = new Int32Array(count);
  const bytes = new Uint8Array(tokens.buffer);
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, 4 * start + filled);
    if (bytesRead === 0) throw new DynamoError("invalid-file", "the file of tokens ended before its window");
    filled += bytesRead;
  }
  return tokens;
}
