/**
 * A run's checkpoints: folders step-00001200 that are there whole or not at all. Each is a checkpoint in Hugging Face form,
 * which `dynamo convert` takes, with the optimizer's moments and the place in the data beside it. Nothing else is random in a
 * run: the data's order comes from the seed and the place.
 */
import { copyFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { configJson, openCheckpoint, type NeoxConfig } from "@dynamo/model";
import { nodeFolder, writeFolderAtomically } from "@dynamo/model/convert";
import type { DataPosition } from "../data/index.js";
import { modelShapes } from "../graph/model-shapes.js";
import { moment1Name, moment2Name } from "../graph/update-graph.js";
import type { TrainerTensors } from "../trainer.js";
import { readTensorFile, writeTensorFile } from "./tensor-file.js";

/** training.json of a checkpoint. */
export interface Progress {
  /** Optimizer steps done. */
  readonly step: number;
  readonly tokens: number;
  readonly seconds: number;
  /** Where the training data goes on. */
  readonly position: DataPosition;
}

export interface Resumed extends TrainerTensors {
  readonly folder: string;
  readonly config: NeoxConfig;
  readonly progress: Progress;
}

const version = 1;
/** A training.json is a few hundred bytes; a mixture of many sources some thousand. */
const maxProgressBytes = 2 ** 20;
/** The files of a model that training leaves as they are. */
const carried = ["tokenizer.json", "tokenizer_config.json", "generation_config.json"] as const;

const folderName = (step: number): string => `step-${String(step).padStart(8, "0")}`;
const checkpointsIn = (run: string): string => join(run, "checkpoints");

/** Writes a checkpoint of `run`, and deletes older ones but the last `keep`. Returns its folder. */
export async function writeCheckpoint(
  run: string,
  config: NeoxConfig,
  tensors: TrainerTensors,
  progress: Progress,
  { keep, textsFrom }: { readonly keep: number; readonly textsFrom: string },
): Promise<string> {
  const shapes = modelShapes(config);
  const target = join(checkpointsIn(run), folderName(progress.step));
  const named = (values: ReadonlyMap<string, Float32Array>, toName: (name: string) => string) =>
    [...values].map(([name, data]) => ({ name: toName(name), shape: shapes.get(name) as readonly number[], data }));
  await writeFolderAtomically(
    target,
    async (folder) => {
      await writeTensorFile(
        join(folder, "model.safetensors"),
        named(tensors.weights, (name) => name),
      );
      await writeTensorFile(join(folder, "optimizer.safetensors"), [
        ...named(tensors.moments1, moment1Name),
        ...named(tensors.moments2, moment2Name),
      ]);
      await writeFile(join(folder, "training.json"), `${JSON.stringify({ version, ...progress }, undefined, 2)}\n`);
      await copyTexts(textsFrom, folder);
      await writeFile(join(folder, "config.json"), `${JSON.stringify(configJson(config), undefined, 2)}\n`);
    },
    { overwrite: true },
  );
  for (const old of (await listCheckpoints(run)).slice(0, -keep)) await rm(old, { recursive: true, force: true });
  return target;
}

/** The tokenizer and such, as far as they are there. */
export async function copyTexts(from: string, to: string): Promise<void> {
  for (const name of carried) {
    await copyFile(join(from, name), join(to, name)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    });
  }
}

/** A run's checkpoints from the oldest to the newest. */
export async function listCheckpoints(run: string): Promise<string[]> {
  const names = await readdir(checkpointsIn(run)).catch((): string[] => []);
  return names
    .filter((name) => /^step-\d+$/.test(name))
    .sort()
    .map((name) => join(checkpointsIn(run), name));
}

/** A checkpoint to go on from. Throws `invalid-file` when it is damaged, `not-found` when it has no optimizer. */
export async function readCheckpoint(folder: string): Promise<Resumed> {
  const checkpoint = await openCheckpoint(nodeFolder(folder));
  try {
    const { config } = checkpoint;
    const weights = new Map<string, Float32Array>();
    for (const name of modelShapes(config).keys()) weights.set(name, await checkpoint.read(name));
    const progress = await readProgress(join(folder, "training.json"));
    return { folder, config, progress, weights, ...(await readMoments(folder, config)) };
  } finally {
    await checkpoint.close();
  }
}

async function readMoments(folder: string, config: NeoxConfig): Promise<Pick<TrainerTensors, "moments1" | "moments2">> {
  const path = join(folder, "optimizer.safetensors");
  const shapes = [...modelShapes(config)];
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

async function readProgress(path: string): Promise<Progress> {
  const text = await readFile(path, "utf8");
  if (text.length > maxProgressBytes) throw new DynamoError("invalid-file", `${path} is larger than any training.json`);
  const json = JSON.parse(text) as Partial<Progress> & { version?: unknown };
  const { step, tokens, seconds, position } = json;
  const isCount = (value: unknown): value is number => typeof value === "number" && value >= 0;
  if (json.version !== version || !isCount(step) || !isCount(tokens) || !isCount(seconds) || position === undefined)
    throw new DynamoError("invalid-file", `${path}: expected step, tokens, seconds and position, version ${version}`);
  return { step, tokens, seconds, position };
}
