/** Where a run begins: at a checkpoint, at random weights, or where it was stopped. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  initialTensor,
  architectureOf,
  configJson,
  neoxConfigJson,
  outputEmbedding,
  isConditionalTensor,
  isHeadEmbedding,
  openCheckpoint,
  parseConfig,
  type Checkpoint,
  type ModelConfig,
  type Shapes,
} from "@dynamo/model";
import { nodeFolder } from "@dynamo/model/convert";
import { DynamoError } from "@dynamo/core";
import { openDataset } from "../../data/index.js";
import { initialFactor, isFactor, trainingShapes, type HeadLora } from "../../graph/lora.js";
import { modelShapes } from "../../graph/model-shapes.js";
import { shapesOnStem } from "../../graph/stem-input.js";
import type { TrainerTensors } from "../../trainer.js";
import { checkHeadKind } from "../../trainer-checks.js";
import type { Resumed } from "../files/checkpoint.js";
import type { TrainingConfig } from "./training-config.js";

export interface StartingPoint extends Partial<Pick<TrainerTensors, "moments1" | "moments2">> {
  readonly config: ModelConfig;
  /** A weight by its name; called once for each. */
  readonly weights: (name: string) => Promise<Float32Array>;
  /** The folder with the tokenizer's files, which checkpoints carry along. */
  readonly textsFrom: string;
}

/** Told of the model and the folder of its tokenizer before weights are read or made; what it throws ends the start. */
type CheckModel = (config: ModelConfig, textsFrom: string) => Promise<void>;

export async function startingPoint(
  config: TrainingConfig,
  resumed: Resumed | undefined,
  check: CheckModel,
): Promise<OpenStart> {
  if (resumed !== undefined) {
    await check(resumed.config, resumed.folder);
    const { moments1, moments2, folder, weights } = resumed;
    const weight = (name: string): Promise<Float32Array> => Promise.resolve(weights.get(name) as Float32Array);
    const close = (): Promise<void> => Promise.resolve();
    return { config: resumed.config, weights: weight, moments1, moments2, textsFrom: folder, close };
  }
  const start = await openStart(config);
  try {
    await check(start.config, start.textsFrom);
    return start;
  } catch (error) {
    await start.close();
    throw error;
  }
}

/** Where a run begins, opened: each weight is read when it is asked for, so that no more than one need be in memory. */
export interface OpenStart extends StartingPoint {
  close(): Promise<void>;
}

export async function openStart(config: TrainingConfig): Promise<OpenStart> {
  if (config.checkpoint !== undefined) return openFromCheckpoint(config, config.checkpoint);
  return { ...(await fromScratch(config)), close: () => Promise.resolve() };
}

/** The weights that a run's trainer asks for: with a stem session few of the base's, which need not fit in memory. */
export function stateShapes({ stem, headLora }: Pick<TrainingConfig, "stem" | "headLora">, model: ModelConfig): Shapes {
  const shapes = trainingShapes(model, headLora);
  return stem === "session" ? shapesOnStem(shapes, model) : shapes;
}

/** Token heads that the checkpoint lacks begin at random, or as copies of its last layer. */
async function openFromCheckpoint(options: TrainingConfig, folder: string): Promise<OpenStart> {
  const { headLora, seed, sequence, dataset } = options;
  const checkpoint = await openCheckpoint(nodeFolder(folder));
  try {
    checkHeadKind(checkpoint.config);
    checkArchitecture(checkpoint, options);
    const config = withHeads({ ...checkpoint.config, untrainedHeads: [] }, options);
    if (headLora !== undefined) checkLora(checkpoint, config, headLora);
    checkSequence(sequence, config);
    const shapes = trainingShapes(config, headLora);
    const copied = headLora !== undefined || options.headInitialisation === "copied";
    const weights = (name: string): Promise<Float32Array> => {
      const shape = shapes.get(name) as readonly number[];
      if (checkpoint.has(name)) return checkpoint.read(name);
      if (isHeadEmbedding(name)) return checkpoint.read(outputEmbedding(config, 1));
      if (isFactor(name)) return Promise.resolve(initialFactor(name, shape, seed));
      if (copied && !isConditionalTensor(name)) return checkpoint.read(lastLayerName(name, config));
      return Promise.resolve(initialTensor(name, shape, seed));
    };
    // A checkpoint without a tokenizer of its own is trained with the dataset's.
    const textsFrom = existsSync(join(folder, "tokenizer.json")) ? folder : dataset;
    return { config, weights, textsFrom, close: () => checkpoint.close() };
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

/** A head's tensor, by the name of the one at its place in the base's last layer; both layers of a head are its copies. */
const lastLayerName = (name: string, config: ModelConfig): string =>
  name.replace(
    /^dynamo\.token_heads\.\d+\.(layers\.\d+\.)?/,
    `${architectureOf(config).layerPrefix(config.layers - 1)}.`,
  );

type HeadArchitecture = Partial<Pick<ModelConfig, "headLayers" | "headInput" | "ownOutputEmbedding" | "conditional">>;

/** What the run's configuration says of its token heads. */
const headArchitecture = ({
  headLayers,
  headInput,
  ownOutputEmbedding,
  conditional,
}: TrainingConfig): HeadArchitecture => ({
  ...(headLayers === undefined ? {} : { headLayers }),
  ...(headInput === undefined ? {} : { headInput }),
  ...(ownOutputEmbedding === undefined ? {} : { ownOutputEmbedding }),
  ...(conditional === undefined ? {} : { conditional }),
});

/**
 * A model with the heads of a run, read as its checkpoints will be: throws `unsupported` for heads that config.json cannot have, before
 * anything is trained.
 */
const withHeads = (base: ModelConfig, options: TrainingConfig): ModelConfig =>
  parseConfig(configJson({ ...base, ...headArchitecture(options), tokenHeads: options.tokenHeads }));

/** Heads that a checkpoint has cannot become others, but conditional parts that they lack can be added. */
function checkArchitecture({ config, trainedHeads }: Checkpoint, options: TrainingConfig): void {
  if (trainedHeads.length === 0) return;
  for (const [name, wanted] of Object.entries(headArchitecture(options))) {
    const own = config[name as keyof HeadArchitecture];
    if (own === undefined || JSON.stringify(own) === JSON.stringify(wanted)) continue;
    throw new DynamoError(
      "invalid-argument",
      `${name}: the checkpoint's token heads have ${JSON.stringify(own)}, received ${JSON.stringify(wanted)}`,
    );
  }
}

/** LoRA heads begin as copies of one layer of the base: that is all that can be adapted. */
function checkLora({ trainedHeads }: Checkpoint, config: ModelConfig, { rank }: HeadLora): void {
  const refuse = (what: string): never => {
    throw new DynamoError("invalid-argument", `headLora: ${what}`);
  };
  if (trainedHeads.length > 0)
    refuse(
      `the checkpoint has token heads ${trainedHeads.join(", ")} already, a LoRA run's merged into full ones: resume that run, or begin with a checkpoint that has head 1 alone`,
    );
  if (config.headLayers !== 1) refuse(`expected headLayers 1, received ${config.headLayers}`);
  if (config.ownOutputEmbedding) refuse("expected no ownOutputEmbedding: it would stay a copy of the base's");
  if (rank > config.hiddenSize) refuse(`rank: expected at most the width, ${config.hiddenSize}, received ${rank}`);
}

async function fromScratch(options: TrainingConfig): Promise<StartingPoint> {
  const { architecture, seed, sequence, dataset } = options;
  if (architecture === undefined) throw new DynamoError("invalid-argument", "expected an architecture");
  const data = await openDataset(dataset);
  const { vocabularySize, endOfText } = data;
  await data.close();
  const base = parseConfig(neoxConfigJson({ ...architecture, vocabularySize, endOfText }));
  const config = withHeads(base, options);
  checkSequence(sequence, config);
  const shapes = modelShapes(config);
  const weights = (name: string): Promise<Float32Array> => {
    const own = isHeadEmbedding(name) ? outputEmbedding(config, 1) : name;
    return Promise.resolve(initialTensor(own, shapes.get(name) as readonly number[], seed));
  };
  return { config, weights, textsFrom: dataset };
}

function checkSequence(sequence: number, { contextLength }: ModelConfig): void {
  if (sequence <= contextLength) return;
  throw new DynamoError(
    "invalid-argument",
    `sequence: expected at most the context's ${contextLength}, received ${sequence}`,
  );
}
