/** What the training benches train: two sizes of three-head models, on tokens drawn at random. */
import { initialTensor, neoxConfigJson, parseConfig, type ModelConfig } from "@dynamo/model";
import { createTrainer, type TokenRows, type Trainer } from "@dynamo/train";
import type { Runtime } from "@dynamo/core";
import { availableParallelism } from "node:os";

export interface TrainingCase {
  readonly name: string;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly vocabulary: number;
  readonly batch: number;
}

export const tokenHeads = 3;
export const sequence = 256;
export const threads = Math.min(16, availableParallelism());

export const cases: readonly TrainingCase[] = [
  { name: "d = 128", hidden: 128, layers: 5, heads: 4, vocabulary: 2048, batch: 24 },
  { name: "d = 256", hidden: 256, layers: 6, heads: 8, vocabulary: 4096, batch: 16 },
];

/** A quick run's. */
export const smallCase: TrainingCase = { name: "d = 64", hidden: 64, layers: 2, heads: 2, vocabulary: 512, batch: 4 };

export const tokensOf = ({ batch }: TrainingCase): number => batch * sequence;

export function configOf({ hidden, layers, heads, vocabulary }: TrainingCase): ModelConfig {
  const size = { vocabularySize: vocabulary, hiddenSize: hidden, layers, attentionHeads: heads };
  return parseConfig(neoxConfigJson({ ...size, contextLength: sequence, tokenHeads }));
}

/** A full step: forward, backward, clipping, AdamW with decay of matrices alone. The caller disposes it. */
export async function trainerOf(runtime: Runtime, own: TrainingCase, shapes: Trainer["shapes"]): Promise<Trainer> {
  const weights = (name: string): Promise<Float32Array> =>
    Promise.resolve(initialTensor(name, shapes.get(name) ?? [], 1));
  return createTrainer(
    runtime,
    configOf(own),
    { weights },
    {
      batch: own.batch,
      sequence,
      microBatches: 1,
      train: "all",
      stemGradientScale: 0.1,
      headWeights: [1, 1, 1],
      weightDecay: 0.01,
      decayAll: false,
      adamw: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, clipNorm: 1 },
    },
  );
}

export function randomRows({ batch, vocabulary }: TrainingCase): TokenRows {
  const tokens = Int32Array.from({ length: batch * (sequence + tokenHeads) }, () =>
    Math.floor(Math.random() * vocabulary),
  );
  return { tokens };
}
