/** A dataset folder, opened for training: its manifest is checked, its tokens are read as they are wanted. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import {
  checkOptions,
  checkValue,
  members,
  oneOf,
  plainObject,
  required,
  valueCheck,
  whole,
  type OptionChecks,
  type ValueCheck,
} from "@dynamo/core/options";
import { folderCheck } from "../arguments.js";
import { createBatches, type Batches, type BatchOptions, type BatchSource, type DataPosition } from "./batches.js";
import {
  bytesPerToken,
  countedPath,
  manifestName,
  maxManifestBytes,
  parseManifest,
  type DatasetManifest,
  type SourceSummary,
} from "./manifest.js";
import { sharesOf } from "./mixture.js";
import { createShardReader, flagFormat, tokenFormat } from "./shard-reader.js";
import { splits, type Split } from "./split.js";

/** An opened dataset. */
export interface Dataset {
  readonly folder: string;
  readonly manifest: DatasetManifest;
  readonly vocabularySize: number;
  /** The token that begins each document. */
  readonly endOfText: number;
  /**
   * Batches of one split. Of "train" there is no end: epoch follows epoch. "held-out" is one pass in order. Throws
   * `invalid-argument` when the split has too few tokens for one batch, when a chat dataset's rows are longer than
   * `sequenceLength`, and for a position of another dataset.
   */
  batches(options: BatchOptions): Batches;
  /** Ends all reading: batches fail afterwards. */
  close(): Promise<void>;
}

/** Throws `not-found` when there is no dataset, `invalid-file` when it is damaged. */
export async function openDataset(folder: string): Promise<Dataset> {
  checkValue("folder", folder, folderCheck);
  const manifest = await readManifest(folder);
  await checkShards(folder, manifest);
  const { vocabularySize, endOfText } = manifest.tokenizer;
  const readers = manifest.sources.map((source) => readersOf(folder, source, manifest));
  const padded = manifest.chat === undefined ? undefined : { ...manifest.chat, padding: endOfText };
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
      if (padded !== undefined) checkFits(padded.rowTokens, sequenceLength);
      const shares = sharesOf(manifest.sources.map((source) => source.weight ?? source[split].tokens));
      const sources = manifest.sources.map((source, i): BatchSource => {
        const { [split]: ofSplit } = readers[i] as SourceReaders;
        const windows = Math.floor(source[split].tokens / (padded?.rowTokens ?? sequenceLength));
        return { name: source.name, windows, share: shares[i] as number, ...ofSplit };
      });
      checkEnough(manifest.sources, sources, options, padded?.rowTokens);
      return createBatches(sources, options, padded);
    },
    async close() {
      closed = true;
      for (const ofSource of readers) {
        for (const split of splits) {
          await ofSource[split].reader.close();
          await ofSource[split].counted?.close();
        }
      }
    },
  };
}

type SourceReaders = Readonly<Record<Split, Pick<BatchSource, "reader" | "counted">>>;

function readersOf(folder: string, source: SourceSummary, { dtype, tokenizer, chat }: DatasetManifest): SourceReaders {
  const format = tokenFormat(dtype, tokenizer.vocabularySize);
  const of = (split: Split): SourceReaders[Split] => {
    const reader = createShardReader(folder, source[split].shards, format);
    if (chat === undefined) return { reader };
    const files = source[split].shards.map(({ tokens }, i) => ({ file: countedPath(source.name, split, i), tokens }));
    return { reader, counted: createShardReader(folder, files, flagFormat) };
  };
  return { train: of("train"), "held-out": of("held-out") };
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

async function checkShards(folder: string, manifest: DatasetManifest): Promise<void> {
  for (const [file, expected] of expectedFiles(manifest)) {
    const path = join(folder, file);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() !== true) throw new DynamoError("invalid-file", `${path} is missing: ${manifestName} lists it`);
    if (found.size !== expected)
      throw new DynamoError("invalid-file", `${path}: expected ${expected} bytes, received ${found.size}`);
  }
}

/** The shards' files and their sizes in bytes. */
function expectedFiles({ sources, dtype, chat }: DatasetManifest): [file: string, bytes: number][] {
  const width = bytesPerToken(dtype);
  return sources.flatMap((source) =>
    splits.flatMap((split) =>
      source[split].shards.flatMap(({ file, tokens }, i): [string, number][] => [
        [file, tokens * width],
        ...(chat === undefined ? [] : [[countedPath(source.name, split, i), tokens] as [string, number]]),
      ]),
    ),
  );
}

function checkFits(rowTokens: number, sequenceLength: number): void {
  if (rowTokens <= sequenceLength) return;
  throw new DynamoError(
    "invalid-argument",
    `the dataset has rows of ${rowTokens} tokens: expected sequences (with the heads' targets) of at least as many, received ${sequenceLength}`,
  );
}

/** 2^28 tokens are a gibibyte of ids: far more than any machine trains on at once. */
const maxBatchTokens = 2 ** 28;

const batchChecks: OptionChecks<BatchOptions> = {
  split: required(oneOf(...splits)),
  batchSize: required(whole(1)),
  sequenceLength: required(whole(1)),
  seed: required(valueCheck<number>("a whole number", Number.isSafeInteger)),
  // Its sources are held against the dataset's.
  position: members<DataPosition>({ drawn: required(plainObject as ValueCheck<DataPosition["drawn"]>) }),
};

function checkSizes(options: BatchOptions): void {
  checkOptions("batches()", options, batchChecks);
  const { batchSize, sequenceLength } = options;
  if (batchSize * sequenceLength > maxBatchTokens)
    throw new DynamoError(
      "invalid-argument",
      `expected a batch of at most ${maxBatchTokens} tokens, received ${batchSize} rows of ${sequenceLength}`,
    );
}

/** A weight must have something to draw from; what is drawn by size may be empty, since then it is never drawn. */
function checkEnough(
  summaries: readonly SourceSummary[],
  sources: readonly BatchSource[],
  { split, batchSize, sequenceLength }: BatchOptions,
  rowTokens: number | undefined,
): void {
  const windows = sources.reduce((sum, source) => sum + source.windows, 0);
  // What a chat dataset holds out may fill a part of a batch only.
  const rows = rowTokens !== undefined && split === "held-out" ? 1 : batchSize;
  const length = rowTokens ?? sequenceLength;
  if (windows < rows) {
    const found = summaries.reduce((sum, source) => sum + source[split].tokens, 0);
    const needed = `${rows * length} tokens (${rows} rows of ${length})`;
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
    `source ${name} is smaller than a row: expected at least ${length} tokens, found ${summaries[empty]?.train.tokens ?? 0}`,
  );
}
