/** A run: from a configuration to checkpoints, on any runtime. It can be stopped and killed at any moment, and goes on. */
import { DynamoError, type Runtime } from "@dynamo/core";
import {
  abortSignal,
  callback,
  checkOptions,
  checkValue,
  flag,
  valueCheck,
  type OptionChecks,
} from "@dynamo/core/options";
import { folderCheck, runtimeCheck } from "../arguments.js";
import { targetCounts, type TokenRows } from "../batch.js";
import { openDataset, type Batches, type DataPosition, type Dataset } from "../data/index.js";
import { scheduleFactor } from "../schedule.js";
import { listCheckpoints, writeCheckpoint, type Progress } from "./files/checkpoint.js";
import { newLossWatch, watchLoss, type DivergenceLimits } from "./progress/divergence.js";
import { datasetFingerprint, heldOutBatches, trainingBatches } from "./start/fit.js";
import { explainMemory } from "./start/memory.js";
import {
  appendMetrics,
  conditionalPerplexities,
  perplexities,
  readMetrics,
  type Metrics,
  type StepMetrics,
} from "./progress/metrics.js";
import { checkRun, openRun, type OpenedRun, type OpenOptions } from "./open-run.js";
import { lockRun } from "./files/run-lock.js";
import { checkConfig, type TrainingConfig } from "./start/training-config.js";

/** What a run's model is, beside its weights. */
export interface CheckpointFacts {
  /** Whether it is tuned on conversations, and has their template. */
  readonly chat: boolean;
}

/** Options of training. */
export interface TrainOptions extends OpenOptions {
  /** Fires for a clean stop: the step under way is finished, and a checkpoint written. */
  readonly signal?: AbortSignal | undefined;
  readonly onMetrics?: (metrics: Metrics) => void | Promise<void>;
  /** Told of each new checkpoint, for samples and reports. */
  readonly onCheckpoint?: (folder: string, step: number, about: CheckpointFacts) => Promise<readonly Metrics[]>;
}

const checks: OptionChecks<TrainOptions> = {
  resume: flag,
  memory: valueCheck<number>("a number of bytes", (value) => typeof value === "number" && value > 0),
  signal: abortSignal,
  onData: callback(),
  onStem: callback(),
  onNote: callback(),
  onMetrics: callback(),
  onCheckpoint: callback(),
};

/** What a run made. */
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
 * without one, to resume), `invalid-file` for data that is not what its manifest says, `invalid-argument` while another process trains in it, for another configuration than the run's own and for a corpus
 * smaller than a batch;
 * `out-of-memory` before it begins when memory will not do; `runtime` when a loss is not finite or explodes (the last checkpoint
 * stays valid) and when the disk is full.
 */
export async function train(
  runtime: Runtime,
  run: string,
  config: TrainingConfig,
  options: TrainOptions = {},
): Promise<TrainingResult> {
  checkValue("runtime", runtime, runtimeCheck);
  checkValue("run", run, folderCheck);
  checkConfig(config);
  checkOptions("train()", options, checks);
  const lock = await lockRun(run);
  try {
    if (lock.note !== undefined) options.onNote?.(lock.note);
    return await trainLocked(runtime, run, config, options);
  } finally {
    await lock.release();
  }
}

async function trainLocked(
  runtime: Runtime,
  run: string,
  config: TrainingConfig,
  options: TrainOptions,
): Promise<TrainingResult> {
  await checkRun(run, config, options.resume ?? false);
  const dataset = await openDataset(config.dataset);
  try {
    const opened = await openRun(runtime, run, config, dataset, options);
    try {
      return await loop({ run, config, dataset, options, ...opened });
    } finally {
      await opened.trainer.dispose();
    }
  } finally {
    await dataset.close();
  }
}

interface Run extends OpenedRun {
  readonly run: string;
  readonly config: TrainingConfig;
  readonly dataset: Dataset;
  readonly options: TrainOptions;
}

async function loop(current: Run): Promise<TrainingResult> {
  const { run, config, dataset, trainer, options, before } = current;
  const batches = trainingBatches(dataset, config, before?.position);
  const fingerprint = datasetFingerprint(dataset);
  const { lossScale } = trainer;
  const start = { step: 0, tokens: 0, seconds: 0, position: batches.position, dataset: fingerprint, lossScale };
  let progress: Progress = before ?? start;
  let attempt = progress;
  let saved = before?.step;
  let evaluated: number | undefined;
  let rows: TokenRows | undefined;
  let owed = false;
  const limits = divergenceLimits(current);
  let watch = (await pastSteps(run)).reduce((seen, metrics) => watchLoss(seen, metrics, limits), newLossWatch);
  const report = async (metrics: Metrics): Promise<void> => {
    await appendMetrics(run, metrics);
    await options.onMetrics?.(metrics);
  };
  const save = async (): Promise<void> => {
    // Weights that no evaluation has seen since the last update: they must be good for something to be kept.
    if (rows !== undefined && evaluated !== progress.step) await trainer.evaluate(rows);
    await checkpoint(current, progress, report, () => (saved = progress.step));
  };
  try {
    while (progress.step < config.steps && options.signal?.aborted !== true) {
      attempt = progress;
      const begun = performance.now();
      const { metrics, position, ...done } = await trainStep(current, batches, progress);
      rows = done.rows;
      const seconds = progress.seconds + (performance.now() - begun) / 1000;
      const { lossScale } = trainer;
      progress = { step: metrics.step, tokens: metrics.tokens, seconds, position, dataset: fingerprint, lossScale };
      await report({ ...metrics, seconds });
      watch = watchLoss(watch, metrics, limits);
      if (watch.diverged !== undefined) throw new DynamoError("runtime", watch.diverged);
      if (current.evaluates && isDue(progress.step, config.evaluateEvery, config.steps)) {
        await report(await evaluate(current, progress.step));
        evaluated = progress.step;
      }
      owed ||= isDue(progress.step, config.checkpointEvery, config.steps);
      // While the loss is too high, older checkpoints may be all that is left of the run.
      if (!owed || watch.highSince !== undefined) continue;
      await save();
      owed = false;
    }
    if (saved !== progress.step) await save();
  } catch (error) {
    throw stopped(explainMemory(error, current.model, config), attempt, saved);
  } finally {
    await batches.close();
  }
  const { step: steps, tokens, seconds } = progress;
  const newest = (await listCheckpoints(run)).at(-1) as string;
  return { run, checkpoint: newest, steps, tokens, seconds, finished: steps >= config.steps };
}

const warmUpSteps = ({ warmUp, steps }: TrainingConfig): number => Math.ceil(warmUp * steps);

const divergenceLimits = ({ config, model }: Run): DivergenceLimits => ({
  factor: config.divergenceFactor,
  vocabularySize: model.vocabularySize,
  warmUpSteps: warmUpSteps(config),
});

/** What a run that goes on has seen before. */
const pastSteps = async (run: string): Promise<StepMetrics[]> =>
  (await readMetrics(run)).filter((metrics): metrics is StepMetrics => metrics.kind === "step");

const isDue = (step: number, every: number, last: number): boolean => step % every === 0 || step === last;

/** The error with the step and batch that were under way, and what is left of the run. */
function stopped(error: unknown, { step, position }: Progress, saved: number | undefined): unknown {
  if (!DynamoError.is(error) || error.code === "aborted") return error;
  const drawn = Object.entries(position.drawn).map(([source, rows]) => `${rows} rows of ${source}`);
  const where = `at step ${step + 1}, the batch after ${drawn.join(", ")}`;
  const kept = saved === undefined ? "there is no checkpoint yet" : `the checkpoint of step ${saved} is as it was`;
  return new DynamoError(error.code, `${where}: ${error.message}; ${kept}`, { cause: error });
}

interface StepResult {
  readonly metrics: Extract<Metrics, { kind: "step" }>;
  readonly position: DataPosition;
  /** The last micro-batch. */
  readonly rows: TokenRows | undefined;
}

async function trainStep({ config, trainer }: Run, batches: Batches, before: Progress): Promise<StepResult> {
  const waiting = performance.now();
  const rows: TokenRows[] = [];
  for (let i = 0; i < config.microBatches; i++) rows.push((await batches.next()) as TokenRows);
  const dataSeconds = (performance.now() - waiting) / 1000;
  const factor = scheduleFactor(before.step, {
    shape: config.schedule,
    steps: config.steps,
    warmUpSteps: warmUpSteps(config),
    floor: config.floor,
  });
  const learningRate = config.learningRate * factor;
  const headLearningRate = (config.headLearningRate ?? config.learningRate) * factor;
  const step = before.step + 1;
  const report = await trainer.step(rows, before.step, { base: learningRate, heads: headLearningRate });
  const { losses, conditionalLosses, gradientNorm, lossScale } = report;
  const tokens = before.tokens + config.microBatches * config.batch * config.sequence;
  const metrics = {
    kind: "step",
    step,
    losses,
    ...(conditionalLosses.length === 0 ? {} : { conditionalLosses }),
    ...(Number.isFinite(gradientNorm) ? { gradientNorm } : {}),
    ...(lossScale === undefined ? {} : { lossScale: lossScale.scale, skippedSteps: lossScale.skipped }),
    ...(trainer.firstHead === 1 ? {} : { firstHead: trainer.firstHead }),
    learningRate,
    headLearningRate,
    tokens,
    seconds: 0,
    dataSeconds,
  } as const;
  return { metrics, position: batches.position, rows: rows.at(-1) };
}

/** Mean losses over the targets of the first held-out batches: the same ones each time. */
async function evaluate({ config, dataset, trainer }: Run, step: number): Promise<Metrics> {
  const batches = heldOutBatches(dataset, config);
  try {
    const { tokenHeads } = trainer.shape;
    const sums: number[] = [];
    const counts: number[] = [];
    for (let done = 0; done < config.evaluationBatches; done++) {
      const rows = await batches.next();
      if (rows === undefined) break;
      const own = targetCounts(rows, trainer.shape);
      for (const [i, loss] of (await trainer.evaluate(rows)).entries()) {
        // Behind the heads' come those of conditional parts, from head 2 on, of the same targets.
        const targets = own[i < tokenHeads ? i : i - tokenHeads + 1] as number;
        sums[i] = (sums[i] ?? 0) + loss * targets;
        counts[i] = (counts[i] ?? 0) + targets;
      }
    }
    const all = sums.map((sum, i) => sum / (counts[i] as number));
    const [losses, behind] = [all.slice(0, tokenHeads), all.slice(tokenHeads)];
    return { kind: "evaluation", step, losses, ...perplexities(losses), ...conditionalPerplexities(losses, behind) };
  } finally {
    await batches.close();
  }
}

async function checkpoint(
  { run, config, model, textsFrom, base, dataset, trainer, options }: Run,
  progress: Progress,
  report: (metrics: Metrics) => Promise<void>,
  onWritten: () => void,
): Promise<void> {
  const begun = performance.now();
  const { chat } = dataset.manifest;
  const folder = await writeCheckpoint(run, model, await trainer.read(), progress, {
    keep: config.keepCheckpoints,
    textsFrom,
    base,
    lora: config.headLora,
    // Conversations were rendered with the template that lies in their dataset.
    ...(chat === undefined ? {} : { tokenizerFrom: dataset.folder, answerEnds: chat.answerEnds }),
  });
  onWritten();
  await report({ kind: "checkpoint", step: progress.step, folder, seconds: (performance.now() - begun) / 1000 });
  for (const metrics of (await options.onCheckpoint?.(folder, progress.step, { chat: chat !== undefined })) ?? [])
    await report(metrics);
}
