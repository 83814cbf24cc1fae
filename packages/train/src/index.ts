/** @dynamo/train: a trainer for DynaMo models on any runtime, without files. Datasets and runs: ./node. */
export type { Precision } from "./autodiff/tape.js";
export type { BatchShape, TokenRows } from "./batch.js";
export type { HeadLora } from "./graph/lora.js";
export type { AdamwOptions } from "./graph/update-graph.js";
export type { LossScale } from "./loss-scale.js";
export { createTrainer } from "./trainer.js";
export type { LearningRates, StepReport, Trainer, TrainerOptions, TrainerStart, TrainerTensors } from "./trainer.js";
