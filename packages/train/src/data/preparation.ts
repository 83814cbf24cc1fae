/**
 * What making any dataset has in common: options are checked, tokenizer threads started and ended, sources written one after
 * the other, the manifest at last, and the folder put in its place whole or not at all.
 */
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError, throwIfAborted } from "@dynamo/core";
import { loadTokenizer, type TokenizerFiles } from "@dynamo/tokenizer";
import { writeDatasetFolder } from "./dataset-folder.js";
import { totalBytes } from "./documents.js";
import {
  dtypeFor,
  manifestFormat,
  manifestName,
  manifestVersion,
  type ChatLayout,
  type DatasetManifest,
  type SourceSummary,
} from "./manifest.js";
import {
  checkSources,
  defaultWorkers,
  type DatasetSource,
  type PrepareOptions,
  type PrepareProgress,
} from "./prepare-options.js";
import { createTokenizerPool, type EncodedTexts, type TokenizerPool } from "./tokenizer-pool.js";

/** What preparing a dataset made. */
export interface DatasetSummary extends DatasetManifest {
  readonly folder: string;
  /** Of all sources and both splits. */
  readonly documents: number;
  readonly tokens: number;
  readonly bytes: number;
}

/** Writes one source's shards. `before` is the progress when it begins. */
export type WriteSource = (
  preparation: Preparation,
  source: DatasetSource,
  before: PrepareProgress,
) => Promise<Pick<SourceSummary, "train" | "held-out">>;

/**
 * Makes the dataset folder `out`; `chat` is asked when all is written. Nothing is left of it when this fails or is aborted. Throws `invalid-argument` for an `out`
 * that exists, options out of range and a source without documents; `not-found` and `invalid-file` for the files.
 */
export async function writeDataset(
  options: PrepareOptions,
  writeSource: WriteSource,
  chat?: () => ChatLayout,
): Promise<DatasetSummary> {
  const {
    heldOutFraction = 0.03,
    workers = defaultWorkers(),
    shardTokens = 2 ** 26,
    overwrite = false,
    signal,
  } = options;
  const checked = { ...options, heldOutFraction, workers, shardTokens };
  checkSources(options.sources);
  throwIfAborted(signal);
  // Loaded here too, so that a damaged tokenizer is reported as such and not as a worker that ended.
  const files: TokenizerFiles = {
    tokenizerJson: options.tokenizerJson,
    tokenizerConfig: options.tokenizerConfig ?? {},
  };
  const { vocabularySize } = loadTokenizer(files);
  checkEndOfText(options.endOfText, vocabularySize);
  const paths = options.sources.flatMap((source) => source.files);
  const total = await totalBytes(paths);
  let manifest: DatasetManifest | undefined;
  const write = async (folder: string): Promise<void> => {
    const pool = createTokenizerPool(files, workers);
    const stop = (): void => void pool.close();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      const sources = await writeSources({ ...checked, folder, vocabularySize, pool }, writeSource, total);
      manifest = await writeManifest(folder, checked, vocabularySize, sources, chat?.());
    } catch (error) {
      // What an abort breaks, such as the pool, is not what went wrong.
      throwIfAborted(signal);
      throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
      await pool.close();
    }
  };
  await writeDatasetFolder(options.out, write, { overwrite, sources: paths });
  return summarise(options.out, manifest as unknown as DatasetManifest);
}

function checkEndOfText(endOfText: number, vocabularySize: number): void {
  if (Number.isInteger(endOfText) && endOfText >= 0 && endOfText < vocabularySize) return;
  throw new DynamoError(
    "invalid-argument",
    `endOfText is no token of the tokenizer: expected 0 to ${vocabularySize - 1}, received ${endOfText}`,
  );
}

/** What a source is written with. */
export interface Preparation extends PrepareOptions {
  readonly heldOutFraction: number;
  readonly workers: number;
  readonly shardTokens: number;
  readonly folder: string;
  readonly vocabularySize: number;
  readonly pool: TokenizerPool;
}

async function writeSources(
  preparation: Preparation,
  writeSource: WriteSource,
  total: number,
): Promise<SourceSummary[]> {
  const sources: SourceSummary[] = [];
  let before: PrepareProgress = { bytes: 0, totalBytes: total, documents: 0, tokens: 0 };
  for (const source of preparation.sources) {
    const { name, files, weight } = source;
    const summary = await writeSource(preparation, source, before);
    const { train, "held-out": heldOut } = summary;
    const documents = train.documents + heldOut.documents;
    if (documents === 0)
      throw new DynamoError(
        "invalid-argument",
        `source ${name} has no documents: expected text in ${files.join(", ")}`,
      );
    sources.push({ name, ...(weight === undefined ? {} : { weight }), ...summary });
    before = {
      bytes: before.bytes + (await totalBytes(files)),
      totalBytes: total,
      documents: before.documents + documents,
      tokens: before.tokens + train.tokens + heldOut.tokens,
    };
    preparation.onProgress?.(before);
  }
  return sources;
}

/** Texts that are worth sending to another thread. */
export interface Texts {
  readonly texts: readonly string[];
}

/** Keeps every worker busy, and gives the jobs with their tokens in the order in which they came. */
export async function* encodedInOrder<Job extends Texts>(
  jobs: AsyncIterable<Job>,
  { pool, workers }: Preparation,
): AsyncGenerator<{ readonly job: Job; readonly encoded: EncodedTexts }> {
  const running: { readonly job: Job; readonly encoded: Promise<EncodedTexts> }[] = [];
  for await (const job of jobs) {
    const encoded = pool.encode(job.texts);
    // A failure is heard when its turn comes; until then it must not count as unhandled.
    encoded.catch(() => undefined);
    running.push({ job, encoded });
    if (running.length <= 2 * workers) continue;
    const first = running.shift() as (typeof running)[number];
    yield { job: first.job, encoded: await first.encoded };
  }
  for (const { job, encoded } of running) yield { job, encoded: await encoded };
}

async function writeManifest(
  folder: string,
  { tokenizerJson, tokenizerConfig, endOfText, heldOutFraction }: PrepareOptions & { readonly heldOutFraction: number },
  vocabularySize: number,
  sources: readonly SourceSummary[],
  chat: ChatLayout | undefined,
): Promise<DatasetManifest> {
  const tokenizer = textOf(tokenizerJson);
  await writeFile(join(folder, "tokenizer.json"), tokenizer);
  if (tokenizerConfig !== undefined) await writeFile(join(folder, "tokenizer_config.json"), textOf(tokenizerConfig));
  const manifest: DatasetManifest = {
    format: manifestFormat,
    version: manifestVersion,
    tokenizer: { sha256: createHash("sha256").update(tokenizer).digest("hex"), vocabularySize, endOfText },
    dtype: dtypeFor(vocabularySize),
    heldOutFraction,
    ...(chat === undefined ? {} : { chat }),
    sources,
  };
  await writeFile(join(folder, manifestName), `${JSON.stringify(manifest, undefined, 2)}\n`);
  return manifest;
}

/** Texts are taken as they are: the tokenizer reads both. */
const textOf = (json: unknown): string => (typeof json === "string" ? json : JSON.stringify(json));

function summarise(folder: string, manifest: DatasetManifest): DatasetSummary {
  const parts = manifest.sources.flatMap(({ train, "held-out": heldOut }) => [train, heldOut]);
  const sum = (what: "documents" | "tokens" | "bytes"): number => parts.reduce((total, part) => total + part[what], 0);
  return { ...manifest, folder, documents: sum("documents"), tokens: sum("tokens"), bytes: sum("bytes") };
}
