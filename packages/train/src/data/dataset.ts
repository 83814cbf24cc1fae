/** A dataset folder, opened for training: its manifest is checked, its tokens are read as they are wanted. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { createBatches, type Batches, type BatchOptions, type BatchSource } from "./batches.js";
import {
  bytesPerToken,
  manifestName,
  maxManifestBytes,
  parseManifest,
  type DatasetManifest,
  type SourceSummary,
} from "./manifest.js";
import { sharesOf } from "./mixture.js";
import { createShardReader, type ShardReader } from "./shard-reader.js";
import { splits, type Split } from "./split.js";

export interface Dataset {
  readonly folder: string;
  readonly manifest: DatasetManifest;
  readonly vocabularySize: number;
  /** The token that begins each document. */
  readonly endOfText: number;
  /**
   * Batches of one split. Of "train" there is no end: epoch follows epoch. "held-out" is one pass in order. Throws
   * `invalid-argument` when the split has too few tokens for one batch, and for a position of another dataset.
   */
  batches(options: BatchOptions): Batches;
  /** Ends all reading: batches fail afterwards. */
  close(): Promise<void>;
}

/** Throws `not-found` when there is no dataset, `invalid-file` when it is damaged. */
export async function openDataset(folder: string): Promise<Dataset> {
  const manifest = await readManifest(folder);
  await checkShards(folder, manifest);
  const { vocabularySize, endOfText } = manifest.tokenizer;
  const format = { dtype: manifest.dtype, vocabularySize };
  const readers = manifest.sources.map((source) => {
    const readerOf = (split: Split): ShardReader => createShardReader(folder, source[split].shards, format);
    return { train: readerOf("train"), "held-out": readerOf("held-out") };
  });
  let closed = false;
  return {
    folder,
    manifest,
    vocabularySize,
    endOfText,
    batches(options) {
      if (closed) throw new DynamoError("invalid-argument", `the dataset ${folder} has been closed`);
      checkSizes(options);
      const { split, sequenceLength } = options;
      const shares = sharesOf(manifest.sources.map((source) => source.weight ?? source[split].tokens));
      const sources = manifest.sources.map((source, i): BatchSource => {
        const { [split]: reader } = readers[i] as (typeof readers)[number];
        const windows = Math.floor(source[split].tokens / sequenceLength);
        return { name: source.name, windows, share: shares[i] as number, reader };
      });
      checkEnough(manifest.sources, sources, options);
      return createBatches(sources, options);
    },
    async close() {
      closed = true;
      for (const reader of readers) for (const split of splits) await reader[split].close();
    },
  };
}

async function readManifest(folder: string): Promise<DatasetManifest> {
  const path = join(folder, manifestName);
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true)
    throw new DynamoError("not-found", `${folder} is no dataset: it has no ${manifestName}; prepare one first`);
  if (found.size > maxManifestBytes)
    throw new DynamoError(
      "invalid-file",
      `${path}: expected at most ${maxManifestBytes} bytes, received ${found.size}`,
    );
  try {
    return parseManifest(await readFile(path, "utf8"));
  } catch (error) {
    if (!DynamoError.is(error)) throw error;
    throw new DynamoError(error.code, `${folder}: ${error.message}`, { cause: error });
  }
}

async function checkShards(folder: string, { sources, dtype }: DatasetManifest): Promise<void> {
  for (const shard of sources.flatMap((source) => splits.flatMap((split) => source[split].shards))) {
    const path = join(folder, shard.file);
    const expected = shard.tokens * bytesPerToken(dtype);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() !== true) throw new DynamoError("invalid-file", `${path} is missing: ${manifestName} lists it`);
    if (found.size !== expected)
      throw new DynamoError("invalid-file", `${path}: expected ${expected} bytes, received ${found.size}`);
  }
}

/** 2^28 tokens are a gibibyte of ids: far more than any machine trains on at once. */
const maxBatchTokens = 2 ** 28;

function checkSizes({ batchSize, sequenceLength, seed }: BatchOptions): void {
  for (const [name, value] of Object.entries({ batchSize, sequenceLength })) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new DynamoError("invalid-argument", `${name}: expected a whole number of at least 1, received ${value}`);
  }
  if (batchSize * sequenceLength > maxBatchTokens)
    throw new DynamoError(
      "invalid-argument",
      `expected a batch of at most ${maxBatchTokens} tokens, received ${batchSize} rows of ${sequenceLength}`,
    );
  if (!Number.isSafeInteger(seed))
    throw new DynamoError("invalid-argument", `seed: expected a whole number, received ${seed}`);
}

/** A weight must have something to draw from; what is drawn by size may be empty, since then it is never drawn. */
function checkEnough(
  summaries: readonly SourceSummary[],
  sources: readonly BatchSource[],
  { split, batchSize, sequenceLength }: BatchOptions,
): void {
  const windows = sources.reduce((sum, source) => sum + source.windows, 0);
  if (windows < batchSize) {
    const found = summaries.reduce((sum, source) => sum + source[split].tokens, 0);
    const needed = `${batchSize * sequenceLength} tokens (${batchSize} rows of ${sequenceLength})`;
    throw new DynamoError(
      "invalid-argument",
      `the ${split} data is smaller than a batch: expected at least ${needed}, found ${found} tokens (${windows} whole rows)`,
    );
  }
  const empty = sources.findIndex((source) => source.windows === 0 && source.share > 0);
  if (split === "held-out" || empty === -1) return;
  const { name } = sources[empty] as BatchSource;
  throw new DynamoError(
    "invalid-argument",
    `source ${name} is smaller than a row: expected at least ${sequenceLength} tokens, found ${summaries[empty]?.train.tokens ?? 0}`,
  );
}
