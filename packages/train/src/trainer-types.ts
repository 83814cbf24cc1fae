/** What a trainer takes and gives. */
import type { GraphSource } from "@dynamo/core";
import type { Precision } from "./autodiff/tape.js";
import type { BatchShape, TokenRows } from "./batch.js";
import type { HeadLora, Trained } from "./graph/lora.js";
import type { AdamwOptions } from "./graph/update-graph.js";
import type { LossScale } from "./loss-scale.js";

/** Options of a trainer. */
export interface TrainerOptions {
  readonly batch: number;
  readonly sequence: number;
  /** Micro-batches of a step. */
  readonly microBatches: number;
  /** `heads` freezes the base model: its perplexity stays what it was. `conditional` freezes the heads too, but for their conditional parts. */
  readonly train: Trained;
  /**
   * With `heads` and `conditional`: the base's stem as an inference graph (`writeStem`). Then no base weights but the final norm and the output
   * embedding are asked for or kept, and a step has losses of heads 2..N alone (unless they learn from head 1, or have conditional parts).
   */
  readonly stem?: GraphSource | undefined;
  /** Heads 2..N train low-rank updates of their matrices alone; their weights are asked for with the factors: see lora.ts. */
  readonly headLora?: HeadLora | undefined;
  /** LR_MB / LR_B: what heads 2..N send into the stem. */
  readonly stemGradientScale: number;
  readonly headWeights: readonly number[];
  /** From 0 (default) to 1: how much heads 2..N learn from head 1's distribution instead of the tokens alone. */
  readonly distillation?: number;
  readonly weightDecay: number;
  /** Whether norms and biases decay too. */
  readonly decayAll: boolean;
  readonly adamw: AdamwOptions;
  /** Of training's matrix products: float32 (default), or float16 with a scaled loss. Weights and the rest are float32. */
  readonly precision?: Precision;
}

/** The learning rates of a step, by group of parameters. */
export interface LearningRates {
  /** LR_B: stem, head 1, final norm and embeddings. */
  readonly base: number;
  /** LR_M: heads 2..N. */
  readonly heads: number;
}

/** What one step of the trainer measured. */
export interface StepReport {
  /** Mean loss of each head from `firstHead` on, in nats. */
  readonly losses: readonly number[];
  /** Mean losses of heads 2..N behind the true tokens between, for heads with conditional parts; else none. */
  readonly conditionalLosses: readonly number[];
  /** Of all gradients together, before clipping; not finite for a step that was left out. */
  readonly gradientNorm: number;
  /** In float16, as it is after the step. */
  readonly lossScale?: LossScale;
}

/** Everything that a run continues from, but its data: weights and moments by name. */
export interface TrainerTensors {
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly moments1: ReadonlyMap<string, Float32Array>;
  readonly moments2: ReadonlyMap<string, Float32Array>;
}

/** Trains a model's parameters step by step. */
export interface Trainer {
  readonly shape: BatchShape;
  /** Parameters in the trainer's state. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** The head of a step's first loss: 2 on a stem session that has no use for head 1, else 1. Evaluation has all heads'. */
  readonly firstHead: number;
  /** Parameters that are trained. */
  readonly trained: readonly string[];
  /** In float16, what goes into a checkpoint beside the tensors. */
  readonly lossScale: LossScale | undefined;
  /**
   * One optimizer step over `microBatches` batches; `step` counts from 0. Throws `runtime` when a loss or the gradients'
   * norm is not finite: after a loss nothing has changed; after a norm the weights are spoilt, and the trainer refuses to go on
   * or to hand them out. In float16 a norm that is not finite leaves the step out, and only a loss scale below 1 is an error.
   */
  step(batches: readonly TokenRows[], step: number, rates: LearningRates): Promise<StepReport>;
  /**
   * Mean losses of a batch with the weights as they are, of heads 1..N, then of the conditional parts of 2..N; 0 for a head without a target in it. Throws `runtime` when one is not
   * finite.
   */
  evaluate(rows: TokenRows): Promise<readonly number[]>;
  /** Copies. Of the weights, all of the model's; on a stem session the heads' alone. */
  read(): Promise<TrainerTensors>;
  dispose(): Promise<void>;
}

/** All weights, and when a run goes on its moments (zeros otherwise) and, in float16, its loss scale. */
export interface TrainerStart {
  readonly weights: (name: string) => Promise<Float32Array>;
  readonly moments1?: TrainerTensors["moments1"] | undefined;
  readonly moments2?: TrainerTensors["moments2"] | undefined;
  readonly lossScale?: LossScale | undefined;
}
