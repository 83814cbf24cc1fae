/** The tokens of one source and split, or the flags of a chat dataset's, as files of a bounded size. */
import { createHash, type Hash } from "node:crypto";
import { open, mkdir, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { countedPath, dtypeFor, maxShards, shardPath, type Shard } from "./manifest.js";
import type { Split } from "./split.js";

export interface ShardWriterOptions {
  readonly folder: string;
  readonly source: string;
  readonly split: Split;
  readonly vocabularySize: number;
  /** Tokens of a whole shard; the last one has what is left. */
  readonly shardTokens: number;
  /** Write flags, a byte for each token, instead of tokens. */
  readonly flags?: boolean;
}

export interface ShardWriter {
  /** Throws `invalid-file` for a token outside the vocabulary. Await it before the next call. */
  write(tokens: Int32Array): Promise<void>;
  /** Ends the last shard. Without tokens there is no shard. */
  finish(): Promise<readonly Shard[]>;
  /** Closes what is open; after `finish` it does nothing. */
  close(): Promise<void>;
}

interface OpenShard {
  readonly file: string;
  readonly handle: FileHandle;
  readonly hash: Hash;
  tokens: number;
}

const bufferTokens = 2 ** 18;

export function createShardWriter({
  folder,
  source,
  split,
  vocabularySize,
  shardTokens,
  flags = false,
}: ShardWriterOptions): ShardWriter {
  const shards: Shard[] = [];
  const size = Math.min(bufferTokens, shardTokens);
  // Every platform that Node and ONNX Runtime share is little-endian.
  const kinds = { flags: Uint8Array, uint16: Uint16Array, uint32: Uint32Array };
  const buffer = new kinds[flags ? "flags" : dtypeFor(vocabularySize)](size);
  const pathOf = flags ? countedPath : shardPath;
  let filled = 0;
  let current: OpenShard | undefined;

  async function flush(): Promise<void> {
    if (filled === 0) return;
    current ??= await openShard(folder, pathOf(source, split, shards.length));
    const bytes = new Uint8Array(buffer.buffer, 0, filled * buffer.BYTES_PER_ELEMENT);
    current.hash.update(bytes);
    await current.handle.writeFile(bytes);
    current.tokens += filled;
    filled = 0;
    if (current.tokens === shardTokens) await endShard();
  }

  async function endShard(): Promise<void> {
    if (current === undefined) return;
    const { file, handle, hash, tokens } = current;
    current = undefined;
    await handle.close();
    shards.push({ file, tokens, sha256: hash.digest("hex") });
    if (shards.length > maxShards)
      throw new DynamoError(
        "invalid-argument",
        `shardTokens: ${shardTokens} makes more than ${maxShards} shards of ${source}: expected more tokens a shard`,
      );
  }

  return {
    async write(tokens) {
      for (const token of tokens) if (token < 0 || token >= vocabularySize) outside(token, vocabularySize, source);
      for (let at = 0; at < tokens.length;) {
        const room = Math.min(size, shardTokens - (current?.tokens ?? 0)) - filled;
        const part = tokens.subarray(at, at + room);
        buffer.set(part, filled);
        filled += part.length;
        at += part.length;
        if (part.length === room) await flush();
      }
    },
    async finish() {
      await flush();
      await endShard();
      return shards;
    },
    async close() {
      await current?.handle.close();
      current = undefined;
    },
  };
}

function outside(token: number, vocabularySize: number, source: string): never {
  throw new DynamoError(
    "invalid-file",
    `the tokenizer gave a token outside its vocabulary in ${source}: expected 0 to ${vocabularySize - 1}, received ${token}`,
  );
}

async function openShard(folder: string, file: string): Promise<OpenShard> {
  const path = join(folder, file);
  await mkdir(dirname(path), { recursive: true });
  return { file, handle: await open(path, "wx"), hash: createHash("sha256"), tokens: 0 };
}
