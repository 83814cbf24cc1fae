/** What a dataset is made from, checked before anything is read. */
import { availableParallelism } from "node:os";
import { DynamoError } from "@dynamo/core";
import { isSourceName, maxSources } from "./manifest.js";

/** Texts that go into a dataset under one name. */
export interface DatasetSource {
  /** Letters, digits, - and _: it names a folder of the dataset. */
  readonly name: string;
  /** Text files with documents between `<|endoftext|>`, .jsonl files with {"text": …} lines. */
  readonly files: readonly string[];
  /** Its part of a mixture, for all sources or none; default: the sources' sizes. */
  readonly weight?: number | undefined;
}

/** How far the preparation is. */
export interface PrepareProgress {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly documents: number;
  readonly tokens: number;
}

/** Options of preparing a dataset. */
export interface PrepareOptions {
  readonly sources: readonly DatasetSource[];
  /** tokenizer.json, parsed; the dataset keeps a copy. */
  readonly tokenizerJson: unknown;
  /** tokenizer_config.json, likewise. */
  readonly tokenizerConfig?: unknown;
  /** The token id that goes before each document. */
  readonly endOfText: number;
  /** The folder to make. */
  readonly out: string;
  /** Replace `out` when it is a dataset. */
  readonly overwrite?: boolean | undefined;
  /** Part of the documents that is never trained on, from 0 to below 1. */
  readonly heldOutFraction?: number | undefined;
  /** Tokenizer threads; the result is the same for any number. */
  readonly workers?: number | undefined;
  readonly shardTokens?: number | undefined;
  readonly onProgress?: ((progress: PrepareProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const defaultWorkers = (): number => Math.max(1, Math.min(4, availableParallelism() - 1));

/** Throws `invalid-argument` for sources that do not go together. */
export function checkSources(sources: readonly DatasetSource[]): void {
  if (sources.length === 0 || sources.length > maxSources)
    fail(`expected 1 to ${maxSources} sources, received ${sources.length}`);
  const names = new Set<string>();
  for (const { name, files, weight } of sources) {
    if (!isSourceName(name))
      fail(
        `source ${JSON.stringify(name)}: expected a name of up to 64 letters, digits, - and _, a letter or digit first`,
      );
    // Some file systems tell no "A" from "a".
    if (names.has(name.toLowerCase())) fail(`two sources have the name ${name}`);
    names.add(name.toLowerCase());
    if (files.length === 0) fail(`source ${name}: expected at least one file`);
    if (weight !== undefined && !(Number.isFinite(weight) && weight > 0))
      fail(`source ${name}: expected a weight above 0, received ${weight}`);
  }
  const weighted = sources.filter(({ weight }) => weight !== undefined).length;
  if (weighted > 0 && weighted < sources.length)
    fail(`expected weights for all sources or none, received ${weighted} for ${sources.length} sources`);
}

function fail(message: string): never {
  throw new DynamoError("invalid-argument", message);
}
