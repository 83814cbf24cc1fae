/** A tiny checkpoint in which nothing is zero or one: biases and norms' gains count too. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { initialTensor, parseConfig, type ModelConfig } from "@dynamo/model";
import { modelShapes } from "../graph/model-shapes.js";
import { writeTensorFile } from "../run/files/tensor-file.js";

export function tinyConfig(tokenHeads: number, changes: Record<string, unknown> = {}): ModelConfig {
  return parseConfig({
    architectures: ["GPTNeoXForCausalLM"],
    model_type: "gpt_neox",
    vocab_size: 288,
    hidden_size: 32,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    intermediate_size: 64,
    rotary_pct: 0.5,
    max_position_embeddings: 32,
    bos_token_id: 0,
    eos_token_id: 0,
    dynamo: { token_heads: tokenHeads },
    ...changes,
  });
}

export function tinyWeights(config: ModelConfig): ReadonlyMap<string, Float32Array> {
  return new Map(
    [...modelShapes(config)].map(([name, shape]) => {
      const noise = initialTensor(`noise of ${name.replaceAll(".", " ")}`, shape, 7);
      const isGain = name.includes("norm") && name.endsWith(".weight");
      return [name, noise.map((value) => (isGain ? 1 : 0) + 5 * value)];
    }),
  );
}

interface TinyCheckpointOptions {
  /** The tensors alternate between so many files. */
  readonly shards?: number;
  readonly weights?: ReadonlyMap<string, Float32Array>;
}

export async function writeTinyCheckpoint(
  folder: string,
  config: ModelConfig,
  { shards = 1, weights = tinyWeights(config) }: TinyCheckpointOptions = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.json"), JSON.stringify({ ...config.raw }));
  const shapes = modelShapes(config);
  const tensors = [...weights].map(([name, data]) => ({ name, shape: shapes.get(name) ?? [], data }));
  if (shards === 1) return writeTensorFile(join(folder, "model.safetensors"), tensors);
  const fileOf = (i: number): string => `model-${(i % shards) + 1}.safetensors`;
  for (let shard = 0; shard < shards; shard++)
    await writeTensorFile(
      join(folder, fileOf(shard)),
      tensors.filter((_, i) => i % shards === shard),
    );
  const map = Object.fromEntries(tensors.map(({ name }, i) => [name, fileOf(i)]));
  await writeFile(join(folder, "model.safetensors.index.json"), JSON.stringify({ metadata: {}, weight_map: map }));
}
