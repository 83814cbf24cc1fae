/** Random weights: the first state of token heads that no checkpoint has, and whole folders for benchmarks and tests. */
import { mkdir, open, writeFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError, elementCount, toFloat16 } from "@dynamo/core";
import { encodeSafetensorsHeader } from "@dynamo/core/safetensors";
import type { NeoxConfig } from "./config.js";
import { initialTensor } from "./initial-weights.js";
import { baseShapes, headShapes } from "./tensor-names.js";
import { bytesOf } from "./weights.js";

export interface RandomCheckpointOptions {
  readonly config: NeoxConfig;
  readonly seed?: number;
  readonly dtype?: "float32" | "float16" | "bfloat16";
  /** Start a new shard when one has so many bytes; one file when absent. */
  readonly shardBytes?: number;
}

interface Named {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Writes config.json and safetensors, one tensor in memory at a time. Throws when `directory` holds a model already. */
export async function writeRandomCheckpoint(directory: string, options: RandomCheckpointOptions): Promise<void> {
  const { config, seed = 0, dtype = "float32", shardBytes = Infinity } = options;
  await mkdir(directory, { recursive: true });
  const heads = Array.from({ length: config.tokenHeads - 1 }, (_, i) => i + 2);
  const tensors = [baseShapes(config), ...heads.map((head) => headShapes(config, head))].flatMap((shapes) =>
    [...shapes].map(([name, shape]) => ({ name, shape })),
  );
  const shards = intoShards(tensors, shardBytes, dtype === "float32" ? 4 : 2);
  const fileOf = (i: number): string =>
    shards.length === 1 ? "model.safetensors" : `model-${pad(i + 1)}-of-${pad(shards.length)}.safetensors`;
  for (const [i, shard] of shards.entries()) await writeShard(join(directory, fileOf(i)), shard, dtype, seed);
  if (shards.length > 1) {
    const map = Object.fromEntries(shards.flatMap((shard, i) => shard.map(({ name }) => [name, fileOf(i)])));
    await writeFile(join(directory, "model.safetensors.index.json"), JSON.stringify({ metadata: {}, weight_map: map }));
  }
  const dynamo = config.tokenHeads > 1 ? { dynamo: { token_heads: config.tokenHeads } } : {};
  await writeFile(join(directory, "config.json"), `${JSON.stringify({ ...config.raw, ...dynamo }, undefined, 2)}\n`);
}

const pad = (n: number): string => String(n).padStart(5, "0");

function intoShards(tensors: readonly Named[], shardBytes: number, elementBytes: number): Named[][] {
  const shards: Named[][] = [[]];
  let bytes = 0;
  for (const tensor of tensors) {
    const size = elementCount(tensor.shape) * elementBytes;
    if (bytes > 0 && bytes + size > shardBytes) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)?.push(tensor);
    bytes += size;
  }
  return shards;
}

async function writeShard(
  path: string,
  tensors: readonly Named[],
  dtype: "float32" | "float16" | "bfloat16",
  seed: number,
): Promise<void> {
  const handle = await open(path, "wx").catch((cause: unknown) => {
    throw new DynamoError("invalid-argument", `${path} exists already or cannot be written`, { cause });
  });
  try {
    await writeAll(handle, encodeSafetensorsHeader(tensors.map((tensor) => ({ ...tensor, dtype }))));
    for (const { name, shape } of tensors) {
      const values = initialTensor(name, shape, seed);
      const encoded = dtype === "float32" ? values : Uint16Array.from(values, dtype === "float16" ? toFloat16 : toBfloat16);
      await writeAll(handle, bytesOf(encoded));
    }
  } finally {
    await handle.close();
  }
}

const bits = new DataView(new ArrayBuffer(4));

/** Truncated: random weights need no rounding. */
function toBfloat16(value: number): number {
  bits.setFloat32(0, value);
  return bits.getUint16(0);
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) offset += (await handle.write(bytes, offset)).bytesWritten;
}
