/**
 * Tokens of one source and split, by their place in its packed stream. Node has no memory mapping; positioned reads of the
 * parts that are wanted serve the same purpose, since the operating system keeps what was read in its page cache.
 */
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { bytesPerToken, type Shard, type TokenDType } from "./manifest.js";

export interface ShardReader {
  /** Fills `target` with the tokens from `start` on. Throws `invalid-file` for a token outside the vocabulary. */
  read(start: number, target: Int32Array): Promise<void>;
  close(): Promise<void>;
}

export interface ShardFormat {
  readonly dtype: TokenDType;
  readonly vocabularySize: number;
}

export function createShardReader(folder: string, shards: readonly Shard[], format: ShardFormat): ShardReader {
  const starts = startsOf(shards);
  const handles = new Map<Shard, Promise<FileHandle>>();

  function handleOf(shard: Shard): Promise<FileHandle> {
    let handle = handles.get(shard);
    if (handle === undefined) {
      handle = open(join(folder, shard.file), "r");
      handles.set(shard, handle);
    }
    return handle;
  }

  return {
    async read(start, target) {
      let shard = lastAtMost(starts, start);
      for (let filled = 0; filled < target.length; shard++) {
        const current = shards[shard] as Shard;
        const at = start + filled - (starts[shard] as number);
        const part = target.subarray(filled, filled + Math.min(target.length - filled, current.tokens - at));
        await readPart(await handleOf(current), at, part, format, current.file);
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
function startsOf(shards: readonly Shard[]): number[] {
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
  target: Int32Array,
  { dtype, vocabularySize }: ShardFormat,
  file: string,
): Promise<void> {
  const width = bytesPerToken(dtype);
  const ids = dtype === "uint16" ? new Uint16Array(target.length) : new Uint32Array(target.length);
  const bytes = new Uint8Array(ids.buffer);
  for (let filled = 0; filled < bytes.length;) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, at * width + filled);
    if (bytesRead === 0)
      throw new DynamoError("invalid-file", `${file} ended early: it has become shorter since it was opened`);
    filled += bytesRead;
  }
  for (const id of ids) {
    if (id >= vocabularySize) {
      const expected = `expected 0 to ${vocabularySize - 1}, received ${id}`;
      throw new DynamoError("invalid-file", `${file} holds a token outside the vocabulary: ${expected}`);
    }
  }
  target.set(ids);
}
