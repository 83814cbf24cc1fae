/** Where an exported run begins, as a checkpoint in Hugging Face form: sharded when it is large, one tensor in memory at a time. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { elementCount, throwIfAborted } from "@dynamo/core";
import { configJson } from "@dynamo/model";
import { intoShards } from "@dynamo/model/convert";
import { modelShapes } from "../graph/model-shapes.js";
import { copyTexts } from "../run/files/checkpoint.js";
import type { StartingPoint } from "../run/start/starting-point.js";
import { writeTensorFileFrom } from "../run/files/tensor-file.js";

export interface InitialCheckpointOptions {
  /** Start another file at this size. */
  readonly shardBytes: number;
  /** Bytes of weights written so far and in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Named {
  readonly name: string;
  readonly shape: readonly number[];
}

const bytesPerWeight = 4;
const bytesOf = ({ shape }: Named): number => elementCount(shape) * bytesPerWeight;

/** Returns how many parameters it has. */
export async function writeInitialCheckpoint(
  folder: string,
  { config, weights, textsFrom }: StartingPoint,
  { shardBytes, onProgress, signal }: InitialCheckpointOptions,
): Promise<number> {
  await mkdir(folder);
  const tensors = [...modelShapes(config)].map(([name, shape]) => ({ name, shape }));
  const shards = intoShards(tensors, shardBytes, bytesOf);
  const total = tensors.reduce((sum, tensor) => sum + bytesOf(tensor), 0);
  let done = 0;
  const read = async (name: string): Promise<Float32Array> => {
    throwIfAborted(signal);
    const values = await weights(name);
    done += values.byteLength;
    onProgress?.(done, total);
    return values;
  };
  const fileOf = (i: number): string =>
    shards.length === 1 ? "model.safetensors" : `model-${pad(i + 1)}-of-${pad(shards.length)}.safetensors`;
  for (const [i, shard] of shards.entries()) await writeTensorFileFrom(join(folder, fileOf(i)), shard, read);
  if (shards.length > 1) {
    const map = Object.fromEntries(shards.flatMap((shard, i) => shard.map(({ name }) => [name, fileOf(i)])));
    const index = { metadata: { total_size: total }, weight_map: map };
    await writeFile(join(folder, "model.safetensors.index.json"), `${JSON.stringify(index, undefined, 2)}\n`);
  }
  await copyTexts(textsFrom, folder);
  const json = { ...configJson(config), torch_dtype: "float32" };
  await writeFile(join(folder, "config.json"), `${JSON.stringify(json, undefined, 2)}\n`);
  return total / bytesPerWeight;
}

const pad = (n: number): string => String(n).padStart(5, "0");
