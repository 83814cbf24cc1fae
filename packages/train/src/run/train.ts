/** A run: from a configuration to checkpoints, on any runtime. It can be stopped and killed at any moment, and goes on. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError, type Runtime } from "@dynamo/core";
import { openDataset, type Batches, type DataPosition, type Dataset } from "../data/index.js";
import type { TokenRows } from "../batch.js";
import { rowLength } from "../batch.js";
import { scheduleFactor } from "../schedule.js";
import { createTrainer, type Trainer } from "../trainer.js";
import { listCheckpoints, readCheckpoint, writeCheckpoint, type Progress, type Resumed } from "./checkpoint.js";
import { appendMetrics, perplexities, rewindMetrics, type Metrics } from "./metrics.js";
import { startingPoint, type StartingPoint } from "./starting-point.js";
import { checkSameRun, parseTrainingConfig, type TrainingConfig } from "./training-config.js";

export interface TrainOptions {
  /** Go on from the newest checkpoint of the folder. */
  readonly resume?: boolean;
  /** Fires for a clean stop: the step under way is finished, and a checkpoint written. */
  readonly signal?: AbortSignal | undefined;
  readonly onMetrics?: (metrics: Metrics) => void | Promise<void>;
  /** Told of each new checkpoint, for samples and reports. */
  readonly onCheckpoint?: (folder: string, step: number) => Promise<readonly Metrics[]>;
}

export interface TrainingResult {
  readonly run: string;
  readonly checkpoint: string;
  readonly steps: number;
  readonly tokens: number;
  readonly seconds: number;
  /** False when the signal stopped it. */
  readonly finished: boolean;
}

/**
 * Trains in the folder `run` until its last step, or the signal. Throws `invalid-argument` for a folder with a run in it (or
 * without one, to resume), for another configuration than the run's own and for a corpus smaller than a batch; `runtime` when
 * a loss is not finite (the last checkpoint stays valid) and when the disk is full.
 */
export async function train(
  runtime: Runtime,
  run: string,
  config: TrainingConfig,
  options: TrainOptions = {},
): Promise<TrainingResult> {
  const resumed = await openRun(run, config, options.resume ?? false);
  const start = await startingPoint(config, resumed);
  const dataset = await openDataset(config.dataset);
  let trainer: Trainer | undefined;
  try {
    checkVocabulary(dataset, start, config.dataset);
    trainer = await createTrainer(runtime, start.config, start, trainerOptions(config));
    if (resumed === undefined) await beginRun(run, config);
    else await rewindMetrics(run, resumed.progress.step);
    return await loop({ run, config, start, dataset, trainer, options }, resumed?.progress);
  } finally {
    await trainer?.dispose();
    await dataset.close();
  }
}

interface Run {
  readonly run: string;
  readonly config: TrainingConfig;
  readonly start: StartingPoint;
  readonly dataset: Dataset;
  readonly trainer: Trainer;
  readonly options: TrainOptions;
}

async function loop(current: Run, before: Progress | undefined): Promise<TrainingResult> {
  const { run, config, options } = current;
  const batches = trainingData(current, before?.position);
  let progress: Progress = before ?? { step: 0, tokens: 0, seconds: 0, position: batches.position };
  let saved = before === undefined ? undefined : progress.step;
  const report = async (metrics: Metrics): Promise<void> => {
    await appendMetrics(run, metrics);
    await options.onMetrics?.(metrics);
  };
  try {
    while (progress.step < config.steps && options.signal?.aborted !== true) {
      const begun = performance.now();
      const { metrics, position } = await trainStep(current, batches, progress);
      const seconds = progress.seconds + (performance.now() - begun) / 1000;
      progress = { step: metrics.step, tokens: metrics.tokens, seconds, position };
      await report({ ...metrics, seconds });
      if (isDue(progress.step, config.evaluateEvery, config.steps))
        await report(await evaluate(current, progress.step));
      if (isDue(progress.step, config.checkpointEvery, config.steps)) {
        await checkpoint(current, progress, report);
        saved = progress.step;
      }
    }
    if (saved !== progress.step) await checkpoint(current, progress, report);
  } finally {
    await batches.close();
  }
  const { step: steps, tokens, seconds } = progress;
  const newest = (await listCheckpoints(run)).at(-1) as string;
  return { run, checkpoint: newest, steps, tokens, seconds, finished: steps >= config.steps };
}

const isDue = (step: number, every: number, last: number): boolean => step % every === 0 || step === last;

interface StepResult {
  metrics: Extract<Metrics, { kind: "step" }>;
  position: DataPosition;
}

async function trainStep({ config, trainer }: Run, batches: Batches, before: Progress): Promise<StepResult> {
  const waiting = performance.now();
  const rows: TokenRows[] = [];
  for (let i = 0; i < config.microBatches; i++) rows.push({ tokens: (await batches.next()) as Int32Array });
  const dataSeconds = (performance.now() - waiting) / 1000;
  const factor = scheduleFactor(before.step, {
    shape: config.schedule,
    steps: config.steps,
    warmUpSteps: Math.ceil(config.warmUp * config.steps),
    floor: config.floor,
  });
  const learningRate = config.learningRate * factor;
  const headLearningRate = (config.headLearningRate ?? config.learningRate) * factor;
  const step = before.step + 1;
  const report = await trainer
    .step(rows, before.step, { base: learningRate, heads: headLearningRate })
    .catch((error: unknown) => failedStep(error, step, before.position));
  const tokens = before.tokens + config.microBatches * config.batch * config.sequence;
  const metrics = {
    kind: "step",
    step,
    ...report,
    learningRate,
    headLearningRate,
    tokens,
    seconds: 0,
    dataSeconds,
  } as const;
  return { metrics, position: batches.position };
}

function failedStep(error: unknown, step: number, position: DataPosition): never {
  if (!DynamoError.is(error)) throw error;
  const where = `step ${step}, the batch at ${JSON.stringify(position)}`;
  throw new DynamoError(error.code, `${where}: ${error.message}; the last checkpoint is as it was`, { cause: error });
}

/** Mean losses over the first held-out batches: the same ones each time. */
async function evaluate({ config, dataset, trainer }: Run, step: number): Promise<Metrics> {
  const batches = dataset.batches({
    split: "held-out",
    batchSize: config.batch,
    sequenceLength: rowLength(trainer.shape),
    seed: config.seed,
  });
  try {
    const sums = new Array<number>(trainer.shape.tokenHeads).fill(0);
    let count = 0;
    for (; count < config.evaluationBatches; count++) {
      const tokens = await batches.next();
      if (tokens === undefined) break;
      for (const [i, loss] of (await trainer.evaluate({ tokens })).entries()) sums[i] = (sums[i] as number) + loss;
    }
    const losses = sums.map((sum) => sum / count);
    return { kind: "evaluation", step, losses, ...perplexities(losses) };
  } finally {
    await batches.close();
  }
}

async function checkpoint(
  { run, config, start, trainer, options }: Run,
  progress: Progress,
  report: (metrics: Metrics) => Promise<void>,
): Promise<void> {
  const begun = performance.now();
  const folder = await writeCheckpoint(run, start.config, await trainer.read(), progress, {
    keep: config.keepCheckpoints,
    textsFrom: start.textsFrom,
  });
  await report({ kind: "checkpoint", step: progress.step, folder, seconds: (performance.now() - begun) / 1000 });
  for (const metrics of (await options.onCheckpoint?.(folder, progress.step)) ?? []) await report(metrics);
}

function trainingData({ config, dataset, trainer }: Run, position: DataPosition | undefined): Batches {
  return dataset.batches({
    split: "train",
    batchSize: config.batch,
    sequenceLength: rowLength(trainer.shape),
    seed: config.seed,
    ...(position === undefined ? {} : { position }),
  });
}

const configPath = (run: string): string => join(run, "run.json");

async function beginRun(run: string, config: TrainingConfig): Promise<void> {
  await mkdir(run, { recursive: true });
  await writeFile(configPath(run), `${JSON.stringify(config, undefined, 2)}\n`);
}

/** The checkpoint that a run goes on from; undefined for a new run. */
async function openRun(run: string, config: TrainingConfig, resume: boolean): Promise<Resumed | undefined> {
  const text = await readFile(configPath(run), "utf8").catch(() => undefined);
  if (text === undefined && !resume) return undefined;
  if (text === undefined) throw new DynamoError("not-found", `there is no run to resume in ${run}`);
  if (!resume)
    throw new DynamoError("invalid-argument", `${run} holds a run already: resume it, or choose another folder`);
  checkSameRun(parseTrainingConfig(JSON.parse(text)), config);
  const newest = (await listCheckpoints(run)).at(-1);
  return newest === undefined ? undefined : readCheckpoint(newest);
}

/** The configuration of the run in a folder. Throws `not-found` when there is none. */
export async function readRunConfig(run: string): Promise<TrainingConfig> {
  const text = await readFile(configPath(run), "utf8").catch(() => {
    throw new DynamoError("not-found", `there is no run in ${run}`);
  });
  return parseTrainingConfig(JSON.parse(text));
}

/** Throws `invalid-argument` when the data has tokens that the model has not. */
export function checkVocabulary(dataset: Dataset, { config }: StartingPoint, folder: string): void {
  if (dataset.vocabularySize <= config.vocabularySize) return;
  throw new DynamoError(
    "invalid-argument",
    `the tokenizer of ${folder} does not fit the model: expected at most ${config.vocabularySize} tokens, received ${dataset.vocabularySize}`,
  );
}

const trainerOptions = (config: TrainingConfig): Parameters<typeof createTrainer>[3] => ({
  batch: config.batch,
  sequence: config.sequence,
  microBatches: config.microBatches,
  train: config.train,
  stemGradientScale: config.stemGradientScale,
  distillation: config.distillation,
  headWeights: config.headWeights ?? new Array<number>(config.tokenHeads).fill(1),
  weightDecay: config.weightDecay,
  decayAll: config.decayNormsAndBiases,
  adamw: { beta1: config.beta1, beta2: config.beta2, epsilon: config.epsilon, clipNorm: config.clipNorm },
});
