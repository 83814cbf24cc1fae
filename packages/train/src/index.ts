/** @dynamo/train: autodiff on ONNX graphs, and a trainer for DynaMo models on any runtime. Datasets and runs: ./node. */
export * from "./autodiff/composites.js";
export { linearCrossEntropy } from "./autodiff/cross-entropy.js";
export type { Targets } from "./autodiff/cross-entropy.js";
export { distilledCrossEntropy } from "./autodiff/distillation.js";
export type { Distilled, Teacher } from "./autodiff/distillation.js";
export * from "./autodiff/operators.js";
export { createTape } from "./autodiff/tape.js";
export type { Adjoint, Tape, Variable, VectorJacobianProduct } from "./autodiff/tape.js";
export { targetCounts, trainingFeeds } from "./batch.js";
export type { BatchShape, TokenRows } from "./batch.js";
export { gradientGraph, lossGraph } from "./graph/gradient-graph.js";
export type { GradientGraphOptions } from "./graph/gradient-graph.js";
export { updateGraph } from "./graph/update-graph.js";
export type { AdamwOptions, TrainedParameter } from "./graph/update-graph.js";
export { scheduleFactor } from "./schedule.js";
export type { ScheduleOptions } from "./schedule.js";
export { createTrainer } from "./trainer.js";
export type { LearningRates, StepReport, Trainer, TrainerOptions, TrainerTensors } from "./trainer.js";
