/** @dynamo/train/node: datasets, runs and checkpoints on Node's file system. */
export * from "./data/index.js";
export { exportTorch } from "./export/export-torch.js";
export type { ExportTorchOptions, TorchExport } from "./export/export-torch.js";
export { listCheckpoints } from "./run/files/checkpoint.js";
export { metricsPath, readMetrics } from "./run/progress/metrics.js";
export type { EvaluationMetrics, Metrics, SampleMetrics, StepMetrics } from "./run/progress/metrics.js";
export { reportHtml, writeReport } from "./run/progress/report.js";
export { sampleCheckpoint } from "./run/progress/samples.js";
export { readRunConfig } from "./run/open-run.js";
export { train } from "./run/train.js";
export type { CheckpointFacts, TrainingResult, TrainOptions } from "./run/train.js";
export { modelDTypeOf, parseTrainingConfig } from "./run/start/training-config.js";
export type { TrainingConfig, TrainingConfigInput } from "./run/start/training-config.js";
export { runTrainingVectors } from "./run/training-vectors.js";
export type { VectorCheck } from "./run/training-vectors.js";
export { lockRun } from "./run/files/run-lock.js";
export type { LockWords, RunLock } from "./run/files/run-lock.js";
