/**
 * What a run with a stem session keeps beside its checkpoints: `base`, the frozen base as a checkpoint of its own, by hard
 * links to the files that the run began with, and `stem`, the graph made from it.
 */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError, type GraphSource } from "@dynamo/core";
import { configJson, openCheckpoint } from "@dynamo/model";
import { nodeFolder, stemGraphFile, writeFolderAtomically, writeStem } from "@dynamo/model/convert";
import { copyTexts } from "./files/checkpoint.js";
import { writeLinkedShards } from "./files/linked-shards.js";
import { stemDTypeOf, type TrainingConfig } from "./start/training-config.js";

export interface FrozenBase {
  /** A checkpoint in Hugging Face form, tokenizer included, whose files checkpoints link to. */
  readonly folder: string;
  readonly stem: GraphSource;
}

export interface FrozenBaseOptions {
  /** The checkpoint that the run goes on from. */
  readonly resumed?: string | undefined;
  /** Bytes of the stem's weights written. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The base and stem of a run; undefined when its stem is part of the training graph. A run that goes on uses what is there,
 * and makes again, to the same bytes, what is not: every checkpoint holds the whole base.
 */
export async function frozenBase(
  run: string,
  config: TrainingConfig,
  { resumed, onProgress, signal }: FrozenBaseOptions = {},
): Promise<FrozenBase | undefined> {
  if (config.stem !== "session") return undefined;
  const [folder, stem] = [join(run, "base"), join(run, "stem")];
  const graph = join(stem, stemGraphFile);
  const source = resumed ?? config.checkpoint;
  if (source === undefined) throw new DynamoError("invalid-argument", "a frozen stem needs a checkpoint");
  if (resumed === undefined || !existsSync(join(folder, "config.json"))) await writeBase(source, folder);
  if (resumed === undefined || !existsSync(graph))
    await writeStem(folder, stem, { dtype: stemDTypeOf(config), onProgress, signal });
  return { folder, stem: { path: graph } };
}

async function writeBase(source: string, target: string): Promise<void> {
  const checkpoint = await openCheckpoint(nodeFolder(source));
  await checkpoint.close();
  const config = { ...checkpoint.config, tokenHeads: 1, untrainedHeads: [] };
  await writeFolderAtomically(
    target,
    async (folder) => {
      await writeLinkedShards(source, folder);
      await copyTexts(source, folder);
      await writeFile(join(folder, "config.json"), `${JSON.stringify(configJson(config), undefined, 2)}\n`);
    },
    { overwrite: true },
  );
}
