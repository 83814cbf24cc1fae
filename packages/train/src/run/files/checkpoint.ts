/**
 * A run's checkpoints: folders step-00001200 that are there whole or not at all. Each is a checkpoint in Hugging Face form,
 * which `dynamo convert` takes, with the optimizer's moments and the place in the data beside it. Nothing else is random in a
 * run: the data's order comes from the seed and the place.
 */
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { checkValue } from "@dynamo/core/options";
import { configJson, openCheckpoint, tokenizerFiles, type ModelConfig, type Shapes } from "@dynamo/model";
import { nodeFolder, writeFolderAtomically } from "@dynamo/model/convert";
import { z } from "zod";
import { folderCheck } from "../../arguments.js";
import type { DataPosition } from "../../data/index.js";
import { mergedWeights, trainingShapes, type HeadLora } from "../../graph/lora.js";
import { modelShapes } from "../../graph/model-shapes.js";
import { moment1Name, moment2Name } from "../../graph/update-graph.js";
import type { LossScale } from "../../loss-scale.js";
import type { TrainerTensors } from "../../trainer.js";
import { writeLinkedShards } from "./linked-shards.js";
import { readLora, writeLora } from "./lora-file.js";
import { readJson } from "./run-files.js";
import { readTensorFile, writeTensorFile } from "./tensor-file.js";

/** training.json of a checkpoint. */
export interface Progress {
  /** Optimizer steps done. */
  readonly step: number;
  readonly tokens: number;
  readonly seconds: number;
  /** Where the training data goes on. */
  readonly position: DataPosition;
  /** What the data was: of another one the position means nothing. */
  readonly dataset?: string | undefined;
  /** In float16, where loss scaling goes on. */
  readonly lossScale?: LossScale | undefined;
}

export interface Resumed extends TrainerTensors {
  readonly folder: string;
  readonly config: ModelConfig;
  readonly progress: Progress;
}

type ShapesOf = (config: ModelConfig) => Shapes;

const version = 1;
const progressFile = z.object({
  version: z.literal(version),
  step: z.int().min(0),
  tokens: z.int().min(0),
  seconds: z.number().min(0),
  position: z.object({ drawn: z.record(z.string(), z.int().min(0)) }),
  dataset: z.string().optional(),
  lossScale: z.object({ scale: z.number().min(1), goodSteps: z.int().min(0), skipped: z.int().min(0) }).optional(),
});
/** The files of a model that training leaves as they are. */
const carried: readonly string[] = [...tokenizerFiles, "generation_config.json"];
/** Those that go before the template of a tokenizer_config.json. */
const templates: readonly string[] = tokenizerFiles.filter((name) => name.endsWith(".jinja"));

export interface CheckpointOptions {
  readonly keep: number;
  /** The folder whose texts are carried along. */
  readonly textsFrom: string;
  /** Whose tokenizer's files go before those, and are the only ones with chat templates: a chat dataset's. */
  readonly tokenizerFrom?: string;
  /** Token ids that end a chat dataset's answers, beside those that end texts already. */
  readonly answerEnds?: readonly number[] | undefined;
  /** A checkpoint with the weights that are not among the tensors: its files are linked to. */
  readonly base?: string | undefined;
  /** Of a run with LoRA heads. */
  readonly lora?: HeadLora | undefined;
}

const folderName = (step: number): string => `step-${String(step).padStart(8, "0")}`;
const checkpointsIn = (run: string): string => join(run, "checkpoints");

/**
 * Writes a checkpoint of `run`, and deletes older ones but the last `keep`. Returns its folder. Throws `runtime` when the disk
 * is full, and for values that are not finite: spoilt weights never become a checkpoint.
 */
export async function writeCheckpoint(
  run: string,
  config: ModelConfig,
  tensors: TrainerTensors,
  progress: Progress,
  { keep, textsFrom, tokenizerFrom, answerEnds = [], base, lora }: CheckpointOptions,
): Promise<string> {
  const spoilt = spoiltTensor(tensors);
  if (spoilt !== undefined) throw new DynamoError("runtime", `training diverged: ${spoilt} are not all finite`);
  const shapes = trainingShapes(config, lora);
  const target = join(checkpointsIn(run), folderName(progress.step));
  const named = (values: ReadonlyMap<string, Float32Array>, toName: (name: string) => string) =>
    [...values].map(([name, data]) => ({ name: toName(name), shape: shapes.get(name) as readonly number[], data }));
  await writeFolderAtomically(
    target,
    async (folder) => {
      const weights = named(mergedWeights(tensors.weights, lora), (name) => name);
      if (base === undefined) await writeTensorFile(join(folder, "model.safetensors"), weights);
      else await writeLinkedShards(base, folder, weights);
      await writeLora(
        folder,
        named(tensors.weights, (name) => name),
      );
      await writeTensorFile(join(folder, "optimizer.safetensors"), [
        ...named(tensors.moments1, moment1Name),
        ...named(tensors.moments2, moment2Name),
      ]);
      await writeFile(join(folder, "training.json"), `${JSON.stringify({ version, ...progress }, undefined, 2)}\n`);
      if (tokenizerFrom === undefined) await copyTexts(textsFrom, folder);
      else {
        // A template of the model's own would go before the one that the conversations were rendered with.
        await copyTexts(
          textsFrom,
          folder,
          carried.filter((name) => !templates.includes(name)),
        );
        await copyTexts(tokenizerFrom, folder, tokenizerFiles);
        await writeGeneration(folder, config, answerEnds);
      }
      await writeFile(join(folder, "config.json"), `${JSON.stringify(configJson(config), undefined, 2)}\n`);
    },
    { overwrite: true },
  );
  for (const old of (await listCheckpoints(run)).slice(0, -keep)) await removeCheckpoint(old);
  return target;
}

/** A chat model says where an answer ends, also to those who read this file alone. */
async function writeGeneration(folder: string, { raw }: ModelConfig, answerEnds: readonly number[]): Promise<void> {
  const path = join(folder, "generation_config.json");
  const given = await readFile(path, "utf8").catch(() => undefined);
  const ids = { bos_token_id: raw["bos_token_id"], eos_token_id: raw["eos_token_id"] };
  const json = given === undefined ? ids : { ...ids, ...(JSON.parse(given) as Partial<typeof ids>) };
  const before = [json.eos_token_id ?? []].flat();
  const ends = [...new Set([...before, ...answerEnds])];
  if (given !== undefined && ends.length === before.length) return;
  const eos = ends.length === 1 ? ends[0] : ends;
  await writeFile(path, `${JSON.stringify({ ...json, eos_token_id: eos }, undefined, 2)}\n`);
}

/** Renamed first: a process that is killed while it deletes leaves no half checkpoint that looks like a whole one. */
async function removeCheckpoint(folder: string): Promise<void> {
  const rubbish = join(dirname(folder), `.${basename(folder)}.removed`);
  await rm(rubbish, { recursive: true, force: true });
  await rename(folder, rubbish);
  await rm(rubbish, { recursive: true, force: true });
}

/** Deletes what killed processes left half-written or half-deleted beside the checkpoints. */
export async function removeLeftovers(run: string): Promise<void> {
  const names = await readdir(checkpointsIn(run)).catch((): string[] => []);
  for (const name of names.filter((entry) => /^\.step-\d+\.(partial-|removed$)/.test(entry)))
    await rm(join(checkpointsIn(run), name), { recursive: true, force: true });
}

function spoiltTensor({ weights, moments1, moments2 }: TrainerTensors): string | undefined {
  for (const [what, tensors] of Object.entries({ weights, "first moments": moments1, "second moments": moments2 })) {
    const spoilt = [...tensors].find(([, values]) => !allFinite(values))?.[0];
    if (spoilt !== undefined) return `the ${what} of ${spoilt}`;
  }
  return undefined;
}

/** 0 · x is 0 for every finite x and not a number for the others: about 30 ms for 100 MB. */
function allFinite(values: Float32Array): boolean {
  let probe = 0;
  for (let i = 0; i < values.length; i++) probe += 0 * (values[i] as number);
  return probe === 0;
}

/** The tokenizer, chat templates and such, as far as they are there. */
export async function copyTexts(from: string, to: string, names: readonly string[] = carried): Promise<void> {
  for (const name of names) {
    if (!existsSync(join(from, name))) continue;
    await mkdir(dirname(join(to, name)), { recursive: true });
    await copyFile(join(from, name), join(to, name));
  }
}

/** A run's checkpoints from the oldest to the newest. */
export async function listCheckpoints(run: string): Promise<string[]> {
  checkValue("run", run, folderCheck);
  const names = await readdir(checkpointsIn(run)).catch((): string[] => []);
  return names
    .filter((name) => /^step-\d+$/.test(name))
    .sort()
    .map((name) => join(checkpointsIn(run), name));
}

/**
 * A checkpoint to go on from. Throws `invalid-file` when it is damaged: nothing of a run would go on as before, so that the
 * message says how to go on from the one before it. Its weights are those that `shapesOf` its model names.
 */
export async function readCheckpoint(folder: string, shapesOf: ShapesOf = modelShapes): Promise<Resumed> {
  try {
    return await readWhole(folder, shapesOf);
  } catch (error) {
    if (!DynamoError.is(error)) throw error;
    const advice = "delete that folder to go on from the checkpoint before it";
    throw new DynamoError("invalid-file", `the checkpoint ${folder} is damaged: ${error.message}; ${advice}`, {
      cause: error,
    });
  }
}

async function readWhole(folder: string, shapesOf: ShapesOf): Promise<Resumed> {
  const checkpoint = await openCheckpoint(nodeFolder(folder));
  try {
    const { config } = checkpoint;
    const shapes = shapesOf(config);
    const adapted = await readLora(folder, shapes);
    const weights = new Map<string, Float32Array>();
    for (const name of shapes.keys()) weights.set(name, adapted.get(name) ?? (await checkpoint.read(name)));
    const resumed = {
      folder,
      config,
      progress: await readProgress(folder),
      weights,
      ...(await readMoments(folder, shapes)),
    };
    const spoilt = spoiltTensor(resumed);
    if (spoilt !== undefined) throw new DynamoError("invalid-file", `${spoilt} are not all finite`);
    return resumed;
  } finally {
    await checkpoint.close();
  }
}

async function readMoments(
  folder: string,
  stateShapes: Shapes,
): Promise<Pick<TrainerTensors, "moments1" | "moments2">> {
  const path = join(folder, "optimizer.safetensors");
  const shapes = [...stateShapes];
  const all = (toName: (name: string) => string): [string, readonly number[]][] =>
    shapes.map(([name, shape]) => [toName(name), shape]);
  const read = await readTensorFile(path, new Map([...all(moment1Name), ...all(moment2Name)]), { partial: true });
  const of = (toName: (name: string) => string): Map<string, Float32Array> =>
    new Map(
      shapes.flatMap(([name]) => {
        const data = read.get(toName(name));
        return data === undefined ? [] : [[name, data]];
      }),
    );
  return { moments1: of(moment1Name), moments2: of(moment2Name) };
}

async function readProgress(folder: string): Promise<Progress> {
  const path = join(folder, "training.json");
  const progress = await readJson(path, progressFile);
  if (progress === undefined) throw new DynamoError("invalid-file", `${path} is missing`);
  const { version: _, ...rest } = progress;
  if (folderName(rest.step) !== basename(folder))
    throw new DynamoError("invalid-file", `${path}: expected the folder's step, received ${rest.step}`);
  return rest;
}
