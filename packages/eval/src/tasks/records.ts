/** Places of records in JSONL and CSV files, so that a job reads its own and a file may be bigger than memory. */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { DynamoError, throwIfAborted } from "@dynamo/core";

/** Bytes from..to-1, beginning with line `line` (from 1): of one record, or of several in a row. */
export interface Place {
  readonly line: number;
  readonly from: number;
  readonly to: number;
}

export interface RecordScanner {
  /** Records that end in this part of the file. */
  push(bytes: Uint8Array): Place[];
  /** The last record, where no line feed ends it. */
  end(): Place[];
}

/** A record is held whole. */
const mostRecordBytes = 16 * 2 ** 20;
const [lineFeed, quote, space] = [10, 34, 32];

/**
 * Records are lines; where they are `quoted` (CSV), line feeds inside quotation marks are part of them. Blank lines are none.
 */
export function createRecordScanner(
  quoted: boolean,
  start: Pick<Place, "line" | "from"> = { line: 1, from: 0 },
): RecordScanner {
  let [offset, line] = [start.from, start.line];
  let record = { line, from: offset };
  let [inside, blank] = [false, true];
  return {
    push(bytes) {
      const places: Place[] = [];
      for (let i = 0; i < bytes.length; i++) {
        const byte = bytes[i] ?? 0;
        if (byte !== lineFeed) {
          if (byte > space) blank = false;
          if (quoted && byte === quote) inside = !inside;
          continue;
        }
        line++;
        if (inside) continue;
        const to = offset + i + 1;
        if (!blank) places.push({ ...record, to });
        record = { line, from: to };
        blank = true;
      }
      offset += bytes.length;
      if (offset - record.from > mostRecordBytes)
        throw new DynamoError(
          "invalid-file",
          `line ${record.line}: expected a record of at most ${mostRecordBytes} bytes, received a longer one`,
        );
      return places;
    },
    end: () => (blank ? [] : [{ ...record, to: offset }]),
  };
}

/** Of a whole file, a part of it at a time. Throws `not-found`, and `invalid-file` for a record without an end. */
export async function* scanFile(path: string, quoted: boolean, signal?: AbortSignal): AsyncGenerator<readonly Place[]> {
  const scanner = createRecordScanner(quoted);
  try {
    for await (const chunk of createReadStream(path)) {
      throwIfAborted(signal);
      yield scanner.push(chunk as Uint8Array);
    }
    yield scanner.end();
  } catch (cause) {
    if (!DynamoError.is(cause)) throw new DynamoError("not-found", `cannot read ${path}`, { cause });
    if (cause.code !== "invalid-file") throw cause;
    throw new DynamoError("invalid-file", `${path}: ${cause.message}`, { cause });
  }
}

/** Throws `not-found`, and `invalid-file` for a file that has become shorter. */
export async function readPlace(path: string, { from, to }: Place): Promise<Uint8Array> {
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new DynamoError("not-found", `cannot read ${path}`, { cause });
  });
  try {
    const bytes = new Uint8Array(to - from);
    for (let filled = 0; filled < bytes.length;) {
      const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, from + filled);
      if (bytesRead === 0)
        throw new DynamoError("invalid-file", `${path}: expected ${to} bytes, received ${from + filled}`);
      filled += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}
