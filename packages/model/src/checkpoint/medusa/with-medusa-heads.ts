/** Medusa heads beside their base: one checkpoint of both, under our names, of which nothing is written. */
import { DynamoError, type ModelFiles } from "@dynamo/core";
import { architectureOf, headKindOf, maxTokenHeads, type ModelConfig } from "../../architectures/config.js";
import { headLayerPrefix, headShapes, isHeadEmbedding, outputEmbedding } from "../../architectures/tensor-names.js";
import type { Checkpoint } from "../checkpoint.js";
import { checkTensors, readTensor } from "../read-tensor.js";
import type { PlacedTensor, TensorIndex } from "../tensor-index.js";
import { medusaIndex, medusaSettings, type MedusaSettings } from "./files.js";
import { medusaTensors, type MedusaTensors } from "./layout.js";

/** A base with heads, and what of the heads' files is not used, a sentence each. */
export interface WithHeads {
  readonly checkpoint: Checkpoint;
  readonly warnings: readonly string[];
}

/**
 * Medusa head i, from 0, becomes token head i + 2. The checkpoint takes over `files`, and closes them with the base. Throws
 * `invalid-argument` for a base with token heads of its own, `invalid-file` for tensors that fit neither each other nor the
 * base, `unsupported` for pickles and for heads with a vocabulary of their own.
 */
export async function withMedusaHeads(base: Checkpoint, files: ModelFiles): Promise<WithHeads> {
  try {
    checkBase(base, files.location);
    const index = await medusaIndex(files);
    const settings = await medusaSettings(files, base.config);
    const tensors = medusaTensors(files.location, index.keys());
    const found = checkCounts(files.location, tensors, settings);
    const config = configOf(base.config, tensors, found);
    const left = found - (config.tokenHeads - 1);
    const ownOutputs = await hasOwnOutputs(base, files, index, tensors, settings);
    const checkpoint = join(base, files, index, {
      config: { ...config, ownOutputEmbedding: ownOutputs },
      tensors: ownOutputs && settings.sharesOutput ? { ...tensors, sharedOutput: sharedName(tensors) } : tensors,
      scale: settings.scale,
    });
    const warning = `${files.location}: of ${found} Medusa heads the last ${left} are left out: a model has at most ${maxTokenHeads} token heads`;
    return { checkpoint, warnings: left === 0 ? [] : [warning] };
  } catch (error) {
    await files.close?.();
    throw error;
  }
}

function checkBase({ config, trainedHeads, files }: Checkpoint, heads: string): void {
  if (config.tokenHeads > 1 || trainedHeads.length > 0)
    throw new DynamoError(
      "invalid-argument",
      `expected a base without token heads for the Medusa heads of ${heads}, received ${files.location} with heads of its own`,
    );
  if ((architectureOf(config).finalNorm.scale ?? 1) !== 1)
    throw new DynamoError("unsupported", `${heads}: Medusa heads on a base that scales its logits`);
}

/** How many heads there are. A config.json may name fewer heads than the file has, whose first ones count. */
function checkCounts(location: string, { heads, blocks }: MedusaTensors, settings: MedusaSettings): number {
  const wanted = settings.heads ?? Math.max(1, heads);
  if (heads < wanted)
    throw new DynamoError("invalid-file", `${location}: expected ${wanted} Medusa heads, received ${heads}`);
  const expected = settings.blocks ?? Math.max(1, blocks);
  if (blocks !== expected)
    throw new DynamoError(
      "invalid-file",
      `${location}: expected ${expected} blocks in a Medusa head, received ${blocks}`,
    );
  return wanted;
}

function configOf(base: ModelConfig, { blocks }: MedusaTensors, heads: number): ModelConfig {
  const tokenHeads = Math.min(heads + 1, maxTokenHeads);
  // A base that lost its heads may still name their conditional parts, which Medusa heads do not have.
  const kind = { headKind: "medusa", headInput: "last", conditional: undefined } as const;
  const config: ModelConfig = { ...base, ...kind, tokenHeads, headLayers: blocks };
  const { maxLayers } = headKindOf(config);
  if (blocks > maxLayers)
    throw new DynamoError("unsupported", `expected at most ${maxLayers} blocks in a Medusa head, received ${blocks}`);
  return config;
}

const sharedName = (tensors: MedusaTensors): string | undefined => tensors.sharedOutput ?? tensors.output(0);

/** Whether the heads' output matrices are others than the base's. One that all share is often a copy of it. */
async function hasOwnOutputs(
  base: Checkpoint,
  files: ModelFiles,
  index: TensorIndex,
  tensors: MedusaTensors,
  { sharesOutput, scale }: MedusaSettings,
): Promise<boolean> {
  const shared = sharesOutput ? sharedName(tensors) : tensors.sharedOutput;
  if (shared === undefined) {
    if (!tensors.hasOutputs && scale !== 1)
      throw new DynamoError(
        "unsupported",
        `${files.location}: a logit_scale of ${scale} and the base's output embedding`,
      );
    return tensors.hasOutputs;
  }
  const own = await readTensor(files, shared, index.get(shared) as PlacedTensor);
  const its = await base.read(outputEmbedding(base.config, 1));
  return scale !== 1 || own.length !== its.length || own.some((value, i) => value !== its[i]);
}

interface Parts {
  readonly config: ModelConfig;
  readonly tensors: MedusaTensors;
  readonly scale: number;
}

function join(base: Checkpoint, files: ModelFiles, index: TensorIndex, { config, tensors, scale }: Parts): Checkpoint {
  const trainedHeads = Array.from({ length: config.tokenHeads - 1 }, (_, i) => i + 2);
  const shapes = new Map(trainedHeads.flatMap((head) => [...headShapes(config, head)]));
  const names = sourceNames(config, tensors);
  const isZero = (name: string): boolean => !tensors.hasBias && name.endsWith(".bias");
  const expected = [...shapes].filter(([name]) => !isZero(name));
  checkTensors(
    files.location,
    new Map(expected.map(([name, shape]) => [names.get(name) ?? `the tensor for ${name}`, shape])),
    (name) => index.get(name),
    "the base",
  );
  return {
    config,
    files: base.files,
    trainedHeads,
    shapes: new Map([...base.shapes, ...shapes]),
    has: (name) => shapes.has(name) || base.has(name),
    async read(name) {
      const shape = shapes.get(name);
      if (shape === undefined) return base.read(name);
      if (isZero(name)) return new Float32Array(config.hiddenSize);
      const source = names.get(name) as string;
      const values = await readTensor(files, source, index.get(source) as PlacedTensor);
      return scale !== 1 && isHeadEmbedding(name) ? values.map((value) => value * scale) : values;
    },
    async close() {
      await base.close();
      await files.close?.();
    },
  };
}

/** By our name, the name in the heads' file. */
function sourceNames(config: ModelConfig, tensors: MedusaTensors): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const note = (name: string, source: string | undefined): void => {
    if (source !== undefined) names.set(name, source);
  };
  for (let head = 0; head < config.tokenHeads - 1; head++) {
    for (let block = 0; block < config.headLayers; block++) {
      const prefix = `${headLayerPrefix(config, head + 2, block)}.linear`;
      note(`${prefix}.weight`, tensors.block(head, block, "weight"));
      note(`${prefix}.bias`, tensors.block(head, block, "bias"));
    }
    if (config.ownOutputEmbedding)
      note(outputEmbedding(config, head + 2), tensors.sharedOutput ?? tensors.output(head));
  }
  return names;
}
