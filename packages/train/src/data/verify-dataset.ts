/** Whether a dataset's files are those that its manifest was written for: each is read once and held against its hash. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { DynamoError, throwIfAborted } from "@dynamo/core";
import { abortSignal, callback, checkOptions, checkValue, plainObject, type OptionChecks } from "@dynamo/core/options";
import { folderCheck } from "../arguments.js";
import type { Dataset } from "./dataset.js";
import { bytesPerToken, countedPath, manifestCheck, manifestName, type DatasetManifest } from "./manifest.js";
import { splits } from "./split.js";

/** Options of holding a dataset against its hashes. */
export interface VerifyOptions {
  readonly signal?: AbortSignal | undefined;
  /** In bytes of shards. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

const checks: OptionChecks<VerifyOptions> = { signal: abortSignal, onProgress: callback() };

interface HashedFile {
  readonly file: string;
  readonly sha256: string;
  /** Undefined for one whose size the manifest does not know. */
  readonly bytes?: number;
}

/** Bytes that are in memory at a time. */
const chunkBytes = 2 ** 20;

/**
 * Reads every shard, of chat datasets the flags too, and the tokenizer. Sizes and times of change are not trusted instead: a disk
 * that lost a block keeps both. Throws `invalid-file` with the file that is another one, `aborted`.
 */
export async function verifyDataset(
  dataset: Pick<Dataset, "folder" | "manifest">,
  options: VerifyOptions = {},
): Promise<void> {
  checkValue("dataset", dataset, plainObject);
  const { folder, manifest } = dataset;
  checkValue("folder", folder, folderCheck);
  checkValue("manifest", manifest, manifestCheck);
  checkOptions("verifyDataset()", options, checks);
  const { signal, onProgress } = options;
  const files = hashedFiles(manifest);
  const total = files.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
  let done = 0;
  for (const { file, sha256, bytes } of files) {
    const received = await hashOf(join(folder, file), (read) => {
      throwIfAborted(signal);
      if (bytes !== undefined) onProgress?.((done += read), total);
    });
    if (received === sha256) continue;
    throw new DynamoError(
      "invalid-file",
      `${join(folder, file)} is not the file that ${manifestName} lists: expected SHA-256 ${sha256}, received ${received}; prepare the dataset again`,
    );
  }
}

function hashedFiles({ tokenizer, sources, dtype }: DatasetManifest): HashedFile[] {
  const shards = sources.flatMap((source) =>
    splits.flatMap((split) =>
      source[split].shards.flatMap(({ file, tokens, sha256, countedSha256 }, i): HashedFile[] => [
        { file, sha256, bytes: tokens * bytesPerToken(dtype) },
        ...(countedSha256 === undefined
          ? []
          : [{ file: countedPath(source.name, split, i), sha256: countedSha256, bytes: tokens }]),
      ]),
    ),
  );
  return [{ file: "tokenizer.json", sha256: tokenizer.sha256 }, ...shards];
}

async function hashOf(path: string, onRead: (bytes: number) => void): Promise<string> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes }) as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      onRead(chunk.length);
    }
  } catch (cause) {
    if (DynamoError.is(cause)) throw cause;
    throw new DynamoError("invalid-file", `${path} cannot be read: ${manifestName} lists it`, { cause });
  }
  return hash.digest("hex");
}
