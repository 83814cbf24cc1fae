/** One side of a source on its way to the disk: packs its documents and keeps count of them. */
import type { JobPiece } from "./jobs.js";
import type { SplitSummary } from "./manifest.js";
import { createShardWriter, type ShardWriterOptions } from "./shard-writer.js";

export interface SplitWriter {
  /** Writes a piece's tokens, behind end-of-text when a document begins with it. Await it before the next call. */
  write(tokens: Int32Array, piece: JobPiece): Promise<void>;
  written(): Omit<SplitSummary, "shards">;
  finish(): Promise<SplitSummary>;
  close(): Promise<void>;
}

export function createSplitWriter(options: ShardWriterOptions & { readonly endOfText: number }): SplitWriter {
  const shards = createShardWriter(options);
  const beginning = Int32Array.of(options.endOfText);
  let [documents, tokens, bytes] = [0, 0, 0];
  const written = (): Omit<SplitSummary, "shards"> => ({ documents, tokens, bytes });
  return {
    async write(ids, piece) {
      if (piece.first) {
        await shards.write(beginning);
        documents++;
        tokens++;
      }
      await shards.write(ids);
      tokens += ids.length;
      bytes += piece.bytes;
    },
    written,
    finish: async () => ({ ...written(), shards: await shards.finish() }),
    close: () => shards.close(),
  };
}
