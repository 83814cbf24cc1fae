/** `dynamo train`: a run's configuration from a JSON file and the command line's flags, which win. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import { openDataset, parseTrainingConfig, readRunConfig, type TrainingConfig } from "@dynamo/train/node";
import { isHubModel, localFolder } from "./hub-place.js";
import { readJsonFile } from "./read-json.js";
import type { TrainingFlags } from "./schemas/training.js";

/** Options of the configuration that are set by a flag of the same name. */
const sameName = [
  "checkpoint",
  "tokenHeads",
  "headLayers",
  "headInput",
  "ownOutputEmbedding",
  "conditional",
  "headInitialisation",
  "dataset",
  "stem",
  "stemDtype",
  "precision",
  "steps",
  "batch",
  "microBatches",
  "sequence",
  "learningRate",
  "headLearningRate",
  "stemGradientScale",
  "distillation",
  "weightDecay",
  "clipNorm",
  "warmUp",
  "seed",
  "evaluateEvery",
  "checkpointEvery",
] as const satisfies readonly (keyof TrainingFlags & keyof TrainingConfig)[];

/**
 * The configuration of a run. A resumed run without a file has its own, which flags may only repeat or change where a run may
 * change. `dataset` is where the data lies when neither file nor flags say so.
 */
export async function trainingConfigOf(
  file: string | undefined,
  flags: TrainingFlags,
  { run, resume, dataset }: { readonly run: string; readonly resume: boolean; readonly dataset: string | undefined },
): Promise<TrainingConfig> {
  const base = file === undefined && resume ? await readRunConfig(run) : await readConfigFile(file);
  const set = Object.fromEntries(sameName.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])));
  const given: Record<string, unknown> = { ...(dataset === undefined ? {} : { dataset }), ...base, ...set };
  return parseTrainingConfig({
    ...(await rowLengthOf(given)),
    ...given,
    ...headLoraOf(given, flags),
    ...trainedOf(flags),
    ...(flags.samplePrompt === undefined ? {} : { samplePrompts: flags.samplePrompt }),
  });
}

function trainedOf({ headsOnly, conditionalOnly }: TrainingFlags): { train?: TrainingConfig["train"] } {
  if (conditionalOnly === true) return { train: "conditional" };
  return headsOnly === true ? { train: "heads" } : {};
}

/** One option of two flags, of which the second only changes the first. */
function headLoraOf(
  { headLora: before }: Record<string, unknown>,
  { headLoraRank: rank, headLoraAlpha: alpha }: TrainingFlags,
) {
  if (rank === undefined && alpha === undefined) return {};
  if (rank === undefined && before === undefined)
    throw new DynamoError(
      "invalid-argument",
      `--head-lora-alpha scales the updates of --head-lora-rank: expected a rank too, received alpha ${String(alpha)} alone`,
    );
  const set = { ...(rank === undefined ? {} : { rank }), ...(alpha === undefined ? {} : { alpha }) };
  return { headLora: { ...(before as object | undefined), ...set } };
}

/** What a configuration file says, unchecked; nothing without one. */
async function readConfigFile(file: string | undefined): Promise<Record<string, unknown>> {
  if (file === undefined) return {};
  const json = await readJsonFile(file);
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new DynamoError("invalid-file", `${file}: expected a JSON object`);
  return json as Record<string, unknown>;
}

type Places = Pick<TrainingFlags, "checkpoint" | "dataset">;

/** The folders that a run reads, by its flags or else its file: the checkpoint's tokenizer is needed before there is a dataset. */
export async function placesOf(file: string | undefined, flags: Places): Promise<Places> {
  const named = await readConfigFile(file);
  return Object.fromEntries(
    (["checkpoint", "dataset"] as const).flatMap((name) => {
      const place = flags[name] ?? named[name];
      return typeof place === "string" ? [[name, place]] : [];
    }),
  );
}

/** A checkpoint of the hub, by the flag or the file, becomes the flag of its folder. */
export async function withCheckpoint<Flags extends Places>(
  file: string | undefined,
  flags: Flags,
  signal: AbortSignal,
): Promise<Flags> {
  const { checkpoint } = await placesOf(file, flags);
  if (checkpoint === undefined || !isHubModel(checkpoint)) return flags;
  return { ...flags, checkpoint: await localFolder(checkpoint, { as: "checkpoint" }, signal) };
}

/** A chat dataset's rows are as long as they are: without a word about it, that is the sequence. */
async function rowLengthOf({ dataset: folder }: Record<string, unknown>): Promise<{ sequence?: number }> {
  if (typeof folder !== "string") return {};
  const dataset = await openDataset(folder);
  const { chat } = dataset.manifest;
  await dataset.close();
  return chat === undefined ? {} : { sequence: chat.rowTokens };
}

/** The folder inside a run where `--text` becomes token shards. */
export const ownDataset = (run: string): string => join(run, "data");

export const hasDataset = (folder: string): boolean => existsSync(join(folder, "dataset.json"));
