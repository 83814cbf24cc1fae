/** Opens the run in a folder: everything that can be refused is refused before its first file is written. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError, type Runtime } from "@dynamo/core";
import { checkValue } from "@dynamo/core/options";
import type { ModelConfig } from "@dynamo/model";
import { writeFileAtomically } from "@dynamo/model/convert";
import { z } from "zod";
import { folderCheck } from "../arguments.js";
import { verifyDataset, type Dataset } from "../data/index.js";
import { checkPrecision } from "../precision.js";
import { createTrainer, type Trainer } from "../trainer.js";
import { listCheckpoints, readCheckpoint, removeLeftovers, type Progress, type Resumed } from "./files/checkpoint.js";
import { checkData, checkTokenizer, datasetFingerprint } from "./start/fit.js";
import { frozenBase } from "./frozen-base.js";
import { checkMemory, explainMemory, memoryLimit } from "./start/memory.js";
import { rewindMetrics } from "./progress/metrics.js";
import { readJson } from "./files/run-files.js";
import { startingPoint, stateShapes, type OpenStart } from "./start/starting-point.js";
import { checkSameRun, parseTrainingConfig, type TrainingConfig } from "./start/training-config.js";

export interface OpenOptions {
  /** Go on from the newest checkpoint of the folder. */
  readonly resume?: boolean;
  /** Bytes that the run may use on a CPU; default: what the machine or the container has. */
  readonly memory?: number;
  /** Fires for a clean stop. */
  readonly signal?: AbortSignal | undefined;
  /** Told, in bytes, how far the data has been held against its hashes. */
  readonly onData?: ((done: number, total: number) => void) | undefined;
  /** Told, in bytes of weights, how far a stem session's graph has been written. */
  readonly onStem?: ((done: number, total: number) => void) | undefined;
  /** Told in one line what the run does without. */
  readonly onNote?: (line: string) => void;
}

export interface OpenedRun {
  readonly model: ModelConfig;
  /** The folder with the tokenizer's files, which checkpoints carry along. */
  readonly textsFrom: string;
  /** With a stem session, the folder of the frozen base. */
  readonly base: string | undefined;
  readonly trainer: Trainer;
  /** Where it goes on, when it has a checkpoint. */
  readonly before: Progress | undefined;
  /** False when there is too little held-out text. */
  readonly evaluates: boolean;
}

/**
 * A trainer for the run in a folder, begun or gone on with; the caller disposes it. The weights that this reads are given back
 * before the first step.
 */
export async function openRun(
  runtime: Runtime,
  run: string,
  config: TrainingConfig,
  dataset: Dataset,
  { resume = false, memory = memoryLimit(), onNote, onData, ...options }: OpenOptions,
): Promise<OpenedRun> {
  const newest = resume ? (await listCheckpoints(run)).at(-1) : undefined;
  const resumed =
    newest === undefined ? undefined : await readCheckpoint(newest, (model) => stateShapes(config, model));
  if (resumed !== undefined) checkResumed(resumed, config, dataset);
  await checkPrecision(runtime, config.precision);
  const onCpu = (await runtime.device()).device === "cpu";
  let note: string | undefined;
  const start = await startingPoint(config, resumed, async (model, textsFrom) => {
    await checkTokenizer(dataset, model, textsFrom);
    note = await checkData(dataset, config);
    if (onCpu) checkMemory(model, config, memory);
    // Last, as it takes the longest: all of the data is read.
    await verifyDataset(dataset, { signal: options.signal, onProgress: onData });
  });
  const base = await frozenBase(run, config, { ...options, resumed: newest }).catch(closing(start));
  const { weights, moments1, moments2 } = start;
  const from = { weights, moments1, moments2, lossScale: resumed?.progress.lossScale };
  const trainer = await createTrainer(runtime, start.config, from, { ...trainerOptions(config), stem: base?.stem })
    .catch((error: unknown) => {
      throw explainMemory(error, start.config, config);
    })
    .finally(() => start.close());
  try {
    await beginRun(run, config, resumed?.progress.step ?? 0);
  } catch (error) {
    await trainer.dispose();
    throw error;
  }
  if (note !== undefined) onNote?.(note);
  return {
    model: start.config,
    textsFrom: start.textsFrom,
    base: base?.folder,
    trainer,
    before: resumed?.progress,
    evaluates: note === undefined,
  };
}

const closing =
  (start: OpenStart) =>
  async (error: unknown): Promise<never> => {
    await start.close();
    throw error;
  };

const configPath = (run: string): string => join(run, "run.json");

/** Writes what a new run is; a run that goes on loses what a killed process did after its last checkpoint. */
async function beginRun(run: string, config: TrainingConfig, step: number): Promise<void> {
  await mkdir(run, { recursive: true });
  await writeFileAtomically(configPath(run), `${JSON.stringify(config, undefined, 2)}\n`);
  await rewindMetrics(run, step);
  await removeLeftovers(run);
}

/** Throws unless a run can begin in the folder, or with `resume` the run in it can go on with this configuration. */
export async function checkRun(run: string, config: TrainingConfig, resume: boolean): Promise<void> {
  const json = await readJson(configPath(run), z.unknown());
  if (json === undefined && resume) throw new DynamoError("not-found", `there is no run to resume in ${run}`);
  if (json === undefined && (await listCheckpoints(run)).length > 0)
    throw new DynamoError("invalid-argument", `${run} holds checkpoints of another run: choose another folder`);
  if (json === undefined) return;
  if (!resume)
    throw new DynamoError("invalid-argument", `${run} holds a run already: resume it, or choose another folder`);
  checkSameRun(parseTrainingConfig(json), config);
}

/** The configuration of the run in a folder. Throws `not-found` when there is none. */
export async function readRunConfig(run: string): Promise<TrainingConfig> {
  checkValue("run", run, folderCheck);
  const json = await readJson(configPath(run), z.unknown());
  if (json === undefined) throw new DynamoError("not-found", `there is no run to resume in ${run}`);
  return parseTrainingConfig(json);
}

/** Throws when a checkpoint is not one of this run, or its place in the data is in another dataset. */
function checkResumed({ config: model, progress, folder }: Resumed, config: TrainingConfig, dataset: Dataset): void {
  if (model.tokenHeads !== config.tokenHeads)
    throw new DynamoError(
      "invalid-file",
      `${folder}: expected ${config.tokenHeads} token heads, received ${model.tokenHeads}`,
    );
  if (progress.step > config.steps)
    throw new DynamoError(
      "invalid-file",
      `${folder}: expected at most ${config.steps} steps, received ${progress.step}`,
    );
  if (config.precision === "float16" && progress.lossScale === undefined)
    throw new DynamoError("invalid-file", `${folder}: expected the loss scale of a run in float16, received none`);
  if (progress.dataset === undefined || progress.dataset === datasetFingerprint(dataset)) return;
  throw new DynamoError(
    "invalid-argument",
    `the run cannot go on with other data: ${dataset.folder} is not the dataset that it was trained on`,
  );
}

const trainerOptions = (config: TrainingConfig): Parameters<typeof createTrainer>[3] => ({
  batch: config.batch,
  sequence: config.sequence,
  microBatches: config.microBatches,
  train: config.train,
  stemGradientScale: config.stemGradientScale,
  distillation: config.distillation,
  headLora: config.headLora,
  headWeights: config.headWeights ?? new Array<number>(config.tokenHeads).fill(1),
  weightDecay: config.weightDecay,
  decayAll: config.decayNormsAndBiases,
  precision: config.precision,
  adamw: { beta1: config.beta1, beta2: config.beta2, epsilon: config.epsilon, clipNorm: config.clipNorm },
});
