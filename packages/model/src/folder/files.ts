/** A model's JSON files, read with care. */
import { DynamoError, type ModelFiles } from "@dynamo/core";

/** Real files nest some ten levels. The parser takes millions, and what walks the value afterwards overflows its stack. */
const maxJsonDepth = 128;

/** Reads and parses a JSON file of at most `limit` bytes; throws `invalid-file` when it is none, or nests too deeply. */
export async function readJson(files: ModelFiles, path: string, limit: number): Promise<unknown> {
  return parseJson(await files.read(path, limit), files.location, path);
}

/** Parses the bytes of a JSON file; `location` and `path` are for messages. */
export function parseJson(bytes: Uint8Array, location: string, path: string): unknown {
  if (bytes.length === 0) throw new DynamoError("invalid-file", `${location}: ${path} is empty, expected JSON`);
  if (nestingDepth(bytes) > maxJsonDepth) {
    throw new DynamoError("invalid-file", `${location}: ${path} nests deeper than ${maxJsonDepth} levels`);
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new DynamoError("invalid-file", `${location}: ${path} is not JSON`, { cause });
  }
}

/** Runs `read` on a file; an error that does not name it gets its name. */
export async function naming<Value>(path: string, read: () => Promise<Value> | Value): Promise<Value> {
  try {
    return await read();
  } catch (error) {
    if (!DynamoError.is(error) || error.message.includes(path)) throw error;
    throw new DynamoError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}

/** The deepest nesting of lists and objects in JSON's UTF-8 bytes; brackets in strings do not count. */
function nestingDepth(json: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i] as number;
    if (byte === 0x22) inString = !inString;
    else if (inString) i += byte === 0x5c ? 1 : 0;
    else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return deepest;
}
