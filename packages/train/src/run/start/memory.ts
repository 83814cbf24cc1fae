/** How much memory a run needs, told before it begins: a system that runs out kills the process without a word. */
import { totalmem } from "node:os";
import { DynamoError, elementCount, sizeText } from "@dynamo/core";
import { outputEmbedding, type ModelConfig } from "@dynamo/model";
import { isTrained } from "../../graph/lora.js";
import { isHeadTensor, modelShapes } from "../../graph/model-shapes.js";
import { stateShapes } from "./starting-point.js";
import { stemDTypeOf, type TrainingConfig } from "./training-config.js";

export interface MemoryEstimate {
  /** Weights, gradients and moments, with the copies that a start and a checkpoint make of them. */
  readonly parameters: number;
  /** What the backward pass keeps of the forward pass. */
  readonly activations: number;
  /** A stem session's weights. */
  readonly stem: number;
  readonly total: number;
}

/** Node, ONNX Runtime and its arenas. */
const programBytes = 200e6;

/** Weights, gradients and two moments, and what of them is copied on the way into the state and out of it: measured. */
const copies = 2.6;

/** LoRA heads' matrices once more each: the update, its sum with the copy, the sum's gradient, and the merged one of a checkpoint. */
const adaptedCopies = 4;

type Sizes = Pick<TrainingConfig, "batch" | "sequence" | "train"> &
  Partial<Pick<TrainingConfig, "stem" | "stemDtype" | "headLora">>;

/**
 * Bytes, within a fifth of what was measured on a CPU for widths from 64 to 1,024 (memory.test.ts has the figures). The same in
 * float16, whose products a CPU computes in float32: 1.08 GB against 1.08 where it was measured.
 */
export function estimateMemory(config: ModelConfig, sizes: Sizes): MemoryEstimate {
  const { batch, sequence, train, headLora, stem: place = "graph" } = sizes;
  const counts = [...stateShapes({ stem: place, headLora }, config)].map(([name, shape]) => ({
    count: elementCount(shape),
    trained: isTrained(name, train, headLora),
    adapted: isHeadTensor(name) && !isTrained(name, train, headLora),
  }));
  const sum = (chosen: typeof counts): number => chosen.reduce((total, { count }) => total + count, 0);
  const all = sum(counts);
  const trained = sum(counts.filter((each) => each.trained));
  const adapted = sum(counts.filter((each) => each.adapted));
  const parameters = 4 * (copies * (all + 3 * trained) + adaptedCopies * adapted);
  const activations = 4 * batch * sequence * floatsOfPosition(config, { sequence, train });
  const stem = place === "session" ? stemBytes(config, stemDTypeOf(sizes)) : 0;
  return { parameters, activations, stem, total: programBytes + parameters + activations + stem };
}

/** Of one weight: quantised ones with their blocks' scales. */
const bytesOfWeight = { fp32: 4, q8: 1.125, q4: 0.625 } as const;

/** The whole base but its output embedding. */
function stemBytes(config: ModelConfig, dtype: keyof typeof bytesOfWeight): number {
  const output = config.tiedEmbeddings ? undefined : outputEmbedding(config, 1);
  const count = (name: string, shape: readonly number[]): number =>
    name === output || isHeadTensor(name) ? 0 : elementCount(shape);
  return bytesOfWeight[dtype] * [...modelShapes(config)].reduce((sum, [name, shape]) => sum + count(name, shape), 0);
}

/** Floats kept for each position: per layer some of the width and the inner width, and the probabilities it attends with. */
function floatsOfPosition(config: ModelConfig, { sequence, train }: Omit<Sizes, "batch">): number {
  const { hiddenSize, intermediateSize, attentionHeads, vocabularySize, layers, tokenHeads } = config;
  const kept = train === "all" ? layers + tokenHeads - 1 : tokenHeads - 1;
  const layer = 14 * hiddenSize + 3 * intermediateSize + attentionHeads * sequence;
  const { pairs, between } = config.conditional ?? { pairs: 0, between: 0 };
  const behind = (tokenHeads - 1) * (2 * pairs + 10 * between + (pairs + between > 0 ? vocabularySize : 0));
  return kept * layer + tokenHeads * vocabularySize + behind;
}

/** What this process may use: the machine's memory, or its container's part of it. */
export function memoryLimit(): number {
  // Undefined or 0 where it is not known, and larger than any machine where there is no limit.
  const container = (process as { constrainedMemory?: () => number | undefined }).constrainedMemory?.() ?? 0;
  return container > 0 ? Math.min(container, totalmem()) : totalmem();
}

const lowerMemory =
  "lower batch (micro-batches make up for it) or sequence, train heads only (on a stem session if need be), or choose a smaller model";

/** Throws `out-of-memory` when a run on the CPU needs more than there is. */
export function checkMemory(config: ModelConfig, sizes: Sizes, limit: number): void {
  const estimate = estimateMemory(config, sizes);
  if (estimate.total <= limit) return;
  throw new DynamoError("out-of-memory", `${needs(estimate)}, there are ${sizeText(limit)}: ${lowerMemory}`);
}

/** An error of memory that ran out while a run was under way, with what the run needs and what to lower; others as they are. */
export function explainMemory(error: unknown, config: ModelConfig, sizes: Sizes): unknown {
  if (!ranOut(error)) return error;
  const advice = `${needs(estimateMemory(config, sizes))}: ${lowerMemory}`;
  return new DynamoError("out-of-memory", `${error.message}; ${advice}`, { cause: error });
}

/** The runtime's own error, or V8's for an array that it could not make. */
const ranOut = (error: unknown): error is Error =>
  DynamoError.is(error)
    ? error.code === "out-of-memory"
    : error instanceof RangeError && /allocation failed/i.test(error.message);

function needs({ total, parameters, activations, stem }: MemoryEstimate): string {
  const ofStem = stem > 0 ? `, ${sizeText(stem)} for the stem` : "";
  const parts = `${sizeText(parameters)} for weights, gradients and moments, ${sizeText(activations)} for activations${ofStem}`;
  return `this run needs about ${sizeText(total)} (${parts})`;
}
