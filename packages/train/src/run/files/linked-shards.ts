/**
 * Checkpoints that share their base's files: a frozen base of gigabytes is written once, and every checkpoint of a run has
 * hard links to it beside a shard of its own with what is trained. Each of them is a whole checkpoint in Hugging Face form.
 */
import { constants, copyFile, link, open, realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeSafetensorsHeader } from "@dynamo/core/safetensors";
import type { ModelFiles } from "@dynamo/model";
import { nodeFolder, readTensorIndex, type PlacedTensor } from "@dynamo/model/convert";
import { isHeadTensor } from "../../graph/model-shapes.js";
import { writeTensorFile, type NamedFloats } from "./tensor-file.js";

type Named = readonly [name: string, tensor: PlacedTensor];

/** Adds the shards and the index of a checkpoint to `folder`: what the checkpoint `base` holds but token heads, and `own`. */
export async function writeLinkedShards(base: string, folder: string, own: readonly NamedFloats[] = []): Promise<void> {
  const files = nodeFolder(base);
  try {
    const shards = (await shardsOf(files)).filter(({ kept }) => kept.length > 0);
    const count = shards.length + (own.length > 0 ? 1 : 0);
    const placed: [name: string, shard: string, bytes: number][] = [];
    for (const [i, { file, kept, others }] of shards.entries()) {
      const shard = shardName(i, count);
      if (others === 0) await linkFile(join(base, file), join(folder, shard));
      else await copyTensors(files, kept, join(folder, shard));
      for (const [name, { byteLength }] of kept) placed.push([name, shard, byteLength]);
    }
    const last = shardName(count - 1, count);
    if (own.length > 0) await writeTensorFile(join(folder, last), own);
    for (const { name, data } of own) placed.push([name, last, data.byteLength]);
    const index = {
      metadata: { total_size: placed.reduce((sum, [, , bytes]) => sum + bytes, 0) },
      weight_map: Object.fromEntries(placed.map(([name, shard]) => [name, shard])),
    };
    await writeFile(join(folder, "model.safetensors.index.json"), `${JSON.stringify(index, undefined, 2)}\n`);
  } finally {
    await files.close?.();
  }
}

interface Shard {
  readonly file: string;
  /** Its tensors of the base. */
  readonly kept: readonly Named[];
  /** How many token heads' tensors stand among them. */
  readonly others: number;
}

async function shardsOf(files: ModelFiles): Promise<Shard[]> {
  const tensors = [...(await readTensorIndex(files))];
  return [...new Set(tensors.map(([, { file }]) => file))].map((file) => {
    const all = tensors.filter(([, tensor]) => tensor.file === file);
    const kept = all.filter(([name]) => !isHeadTensor(name));
    return { file, kept, others: all.length - kept.length };
  });
}

const shardName = (index: number, count: number): string =>
  `model-${String(index + 1).padStart(5, "0")}-of-${String(count).padStart(5, "0")}.safetensors`;

/** A hard link cannot be made: to another file system, on one without them, to another user's file. */
const unlinkable: ReadonlySet<string> = new Set([
  "EXDEV",
  "EPERM",
  "EACCES",
  "EMLINK",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
]);

async function linkFile(from: string, to: string): Promise<void> {
  // The Hugging Face cache is made of symbolic links: the file behind them stays when the cache is tidied up.
  const file = await realpath(from);
  await link(file, to).catch(async (error: unknown) => {
    if (!unlinkable.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    await copyFile(file, to, constants.COPYFILE_FICLONE);
  });
}

/** A new file with some of a file's tensors as they are, one in memory at a time. */
async function copyTensors(files: ModelFiles, tensors: readonly Named[], to: string): Promise<void> {
  const handle = await open(to, "wx");
  try {
    await handle.writeFile(encodeSafetensorsHeader(tensors.map(([name, tensor]) => ({ name, ...tensor }))));
    for (const [, { file, byteOffset, byteLength }] of tensors)
      await handle.appendFile(await files.readRange(file, byteOffset, byteLength));
    await handle.sync();
  } finally {
    await handle.close();
  }
}
