/** Random weights: the first state of token heads that no checkpoint has, and whole folders for benchmarks and tests. */
import {
  abortSignal,
  callback,
  checkOptions,
  checkValue,
  numberAbove,
  oneOf,
  required,
  type OptionChecks,
} from "@dynamo/core/options";
import { configCheck, folderCheck, seedCheck } from "../arguments.js";
import { mkdir, open, writeFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError, elementCount, throwIfAborted, toFloat16 } from "@dynamo/core";
import { encodeSafetensorsHeader } from "@dynamo/core/safetensors";
import { configJson } from "./config-json.js";
import type { ModelConfig } from "../architectures/config.js";
import { initialTensor } from "./initial-weights.js";
import { intoShards } from "./shards.js";
import { baseShapes, headShapes } from "../architectures/tensor-names.js";
import type { WeightDType } from "./to-floats.js";
import { bytesOf } from "../graph/weights.js";

/** Options of a checkpoint of random weights. */
export interface RandomCheckpointOptions {
  readonly config: ModelConfig;
  readonly seed?: number;
  readonly dtype?: WeightDType;
  /** Start a new shard when one has so many bytes; one file when absent. */
  readonly shardBytes?: number;
  /** Bytes of weights written so far and in all. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Leaves a folder without config.json, which nothing takes for a checkpoint. */
  readonly signal?: AbortSignal | undefined;
}

const randomChecks: OptionChecks<RandomCheckpointOptions> = {
  config: required(configCheck),
  seed: seedCheck,
  dtype: oneOf("float32", "float16", "bfloat16"),
  shardBytes: numberAbove(0),
  onProgress: callback(),
  signal: abortSignal,
};

interface Named {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * Writes config.json and safetensors with `config.tokenHeads` heads, one tensor in memory at a time; no tokenizer. Throws
 * `invalid-argument` when `directory` holds weights already. config.json comes last: a folder without one is unfinished.
 */
export async function writeRandomCheckpoint(directory: string, options: RandomCheckpointOptions): Promise<void> {
  checkValue("directory", directory, folderCheck);
  checkOptions("writeRandomCheckpoint()", options, randomChecks);
  const { config, seed = 0, dtype = "float32", shardBytes = Infinity } = options;
  await mkdir(directory, { recursive: true });
  const heads = Array.from({ length: config.tokenHeads - 1 }, (_, i) => i + 2);
  const tensors = [baseShapes(config), ...heads.map((head) => headShapes(config, head))].flatMap((shapes) =>
    [...shapes].map(([name, shape]) => ({ name, shape })),
  );
  const elementBytes = dtype === "float32" ? 4 : 2;
  const shards = intoShards(tensors, shardBytes, ({ shape }) => elementCount(shape) * elementBytes);
  const total = tensors.reduce((sum, { shape }) => sum + elementCount(shape) * elementBytes, 0);
  let done = 0;
  const onTensor = (bytes: number): void => {
    throwIfAborted(options.signal);
    done += bytes;
    options.onProgress?.(done, total);
  };
  const fileOf = (i: number): string =>
    shards.length === 1 ? "model.safetensors" : `model-${pad(i + 1)}-of-${pad(shards.length)}.safetensors`;
  for (const [i, shard] of shards.entries())
    await writeShard(join(directory, fileOf(i)), shard, { dtype, seed, onTensor });
  if (shards.length > 1) {
    const map = Object.fromEntries(shards.flatMap((shard, i) => shard.map(({ name }) => [name, fileOf(i)])));
    await writeFile(join(directory, "model.safetensors.index.json"), JSON.stringify({ metadata: {}, weight_map: map }));
  }
  const json = configJson({ ...config, untrainedHeads: [] });
  await writeFile(join(directory, "config.json"), `${JSON.stringify(json, undefined, 2)}\n`);
}

const pad = (n: number): string => String(n).padStart(5, "0");

interface ShardOptions {
  readonly dtype: WeightDType;
  readonly seed: number;
  /** Called with the bytes of each tensor when it is written; may throw to stop. */
  readonly onTensor: (bytes: number) => void;
}

async function writeShard(
  path: string,
  tensors: readonly Named[],
  { dtype, seed, onTensor }: ShardOptions,
): Promise<void> {
  const handle = await open(path, "wx").catch((cause: unknown) => {
    throw new DynamoError("invalid-argument", `${path} exists already or cannot be written`, { cause });
  });
  try {
    await writeAll(handle, encodeSafetensorsHeader(tensors.map((tensor) => ({ ...tensor, dtype }))));
    for (const { name, shape } of tensors) {
      const bytes = bytesOf(encode(initialTensor(name, shape, seed), dtype));
      await writeAll(handle, bytes);
      onTensor(bytes.length);
    }
  } finally {
    await handle.close();
  }
}

function encode(values: Float32Array, dtype: WeightDType): Float32Array | Uint16Array {
  if (dtype === "float32") return values;
  const halves = new Uint16Array(values.length);
  // bfloat16 is cut off: random weights need no rounding.
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < halves.length; i++) {
    halves[i] = dtype === "float16" ? toFloat16(values[i] as number) : (bits[i] as number) >>> 16;
  }
  return halves;
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length;) offset += (await handle.write(bytes, offset)).bytesWritten;
}
