/** One side of a chat source on its way to the disk: packs conversations into rows, and writes tokens and flags side by side. */
import type { SplitSummary } from "../manifest.js";
import { createShardWriter, type ShardWriterOptions } from "../shard-writer.js";
import { createRowPacker, type PackedRow } from "./row-packer.js";

export interface ChatCounts {
  readonly conversations: number;
  /** Of these, cut at the row's end. */
  readonly cut: number;
  /** Left out: not one token of an answer fits into a row. */
  readonly tooLong: number;
  /** Tokens that count: answers with their end-of-text. */
  readonly answerTokens: number;
  /** Tokens of rows in which nothing is. */
  readonly padding: number;
}

export interface ChatWriter {
  /** A conversation as its template renders it. Await it before the next call. */
  write(tokens: Int32Array, counted: Int32Array, bytes: number): Promise<void>;
  written(): Pick<SplitSummary, "documents" | "tokens">;
  counts(): ChatCounts;
  finish(): Promise<SplitSummary>;
  close(): Promise<void>;
}

export interface ChatWriterOptions extends ShardWriterOptions {
  readonly endOfText: number;
  readonly rowTokens: number;
}

export function createChatWriter(options: ChatWriterOptions): ChatWriter {
  const { rowTokens, endOfText } = options;
  const packer = createRowPacker({ rowTokens, padding: endOfText });
  const shards = createShardWriter(options);
  const flags = createShardWriter({ ...options, flags: true });
  let [documents, tokens, bytes, used] = [0, 0, 0, 0];
  let [cut, tooLong, answerTokens] = [0, 0, 0];
  async function writeRows(rows: readonly PackedRow[]): Promise<void> {
    for (const row of rows) {
      await shards.write(row.tokens);
      await flags.write(row.counted);
      tokens += rowTokens;
    }
  }
  return {
    async write(ids, counted, size) {
      const [own, ownCounted] = [ids.subarray(0, rowTokens), counted.subarray(0, rowTokens)];
      const targets = ownCounted.reduce((sum, flag) => sum + flag, 0);
      if (targets === 0) {
        tooLong++;
        return;
      }
      documents++;
      bytes += size;
      used += own.length;
      answerTokens += targets;
      if (own.length < ids.length) cut++;
      await writeRows(packer.add(own, ownCounted));
    },
    written: () => ({ documents, tokens: used }),
    counts: () => ({ conversations: documents, cut, tooLong, answerTokens, padding: tokens - used }),
    async finish() {
      await writeRows(packer.end());
      const written = await shards.finish();
      const sums = (await flags.finish()).map(({ sha256 }) => sha256);
      const both = written.map((shard, i) => ({ ...shard, countedSha256: sums[i] as string }));
      return { documents, tokens, bytes, shards: both };
    },
    async close() {
      await shards.close();
      await flags.close();
    },
  };
}
