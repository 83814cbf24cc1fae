/**
 * Tokens of one source and split, by their place in its packed stream. Node has no memory mapping; positioned reads of the
 * parts that are wanted serve the same purpose, since the operating system keeps what was read in its page cache.
 */
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { bytesPerToken, type Shard, type TokenDType } from "./manifest.js";

/** What a shard file holds: token ids, or a flag for each token. */
type Numbers = Int32Array | Uint8Array;

export interface ShardReader {
  /** Fills `target` with what stands from the token `start` on. Throws `invalid-file` for values out of range. */
  read(start: number, target: Numbers): Promise<void>;
  close(): Promise<void>;
}

export interface ShardFormat {
  readonly dtype: TokenDType | "uint8";
  /** Values run from 0 to below it. */
  readonly limit: number;
  /** What a value is called that runs beyond it. */
  readonly outside: string;
}

/** A token's flag: 1 for a target, 0 for what is only read. */
export const flagFormat: ShardFormat = { dtype: "uint8", limit: 2, outside: "a flag that is none" };

export const tokenFormat = (dtype: TokenDType, vocabularySize: number): ShardFormat => ({
  dtype,
  limit: vocabularySize,
  outside: "a token outside the vocabulary",
});

/** `shards`: files and how many values each has. */
export function createShardReader(
  folder: string,
  shards: readonly Pick<Shard, "file" | "tokens">[],
  format: ShardFormat,
): ShardReader {
  const starts = startsOf(shards);
  const handles = new Map<string, Promise<FileHandle>>();

  function handleOf(file: string): Promise<FileHandle> {
    let handle = handles.get(file);
    if (handle === undefined) {
      handle = open(join(folder, file), "r");
      handles.set(file, handle);
    }
    return handle;
  }

  return {
    async read(start, target) {
      let shard = lastAtMost(starts, start);
      for (let filled = 0; filled < target.length; shard++) {
        const current = shards[shard] as Pick<Shard, "file" | "tokens">;
        const at = start + filled - (starts[shard] as number);
        const part = target.subarray(filled, filled + Math.min(target.length - filled, current.tokens - at));
        await readPart(await handleOf(current.file), at, part, format, current.file);
        filled += part.length;
      }
    },
    async close() {
      const opened = [...handles.values()];
      handles.clear();
      for (const handle of opened) await (await handle.catch(() => undefined))?.close();
    },
  };
}

/** Where each shard begins in the stream. */
function startsOf(shards: readonly Pick<Shard, "tokens">[]): number[] {
  const starts: number[] = [];
  let total = 0;
  for (const { tokens } of shards) {
    starts.push(total);
    total += tokens;
  }
  return starts;
}

/** The last index whose value is at most `value`; values rise from 0. */
function lastAtMost(values: readonly number[], value: number): number {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((values[middle] as number) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

async function readPart(
  handle: FileHandle,
  at: number,
  target: Numbers,
  { dtype, limit, outside }: ShardFormat,
  file: string,
): Promise<void> {
  const width = dtype === "uint8" ? 1 : bytesPerToken(dtype);
  const values = new { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array }[dtype](target.length);
  const bytes = new Uint8Array(values.buffer);
  for (let filled = 0; filled < bytes.length;) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, at * width + filled);
    if (bytesRead === 0)
      throw new DynamoError("invalid-file", `${file} ended early: it has become shorter since it was opened`);
    filled += bytesRead;
  }
  for (const value of values) {
    if (value >= limit) {
      const expected = `expected 0 to ${limit - 1}, received ${value}`;
      throw new DynamoError("invalid-file", `${file} holds ${outside}: ${expected}`);
    }
  }
  target.set(values);
}
