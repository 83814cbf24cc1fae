/** A base with the multi-token-prediction module that lies in its own files, under our names. */
import { DynamoError } from "@dynamo/core";
import { architectureOf, parseConfig, type ModelConfig } from "../../architectures/config.js";
import { headLayerPrefix, headPrefix, headShapes, outputEmbedding } from "../../architectures/tensor-names.js";
import type { Checkpoint } from "../checkpoint.js";
import { checkTensors, readTensor } from "../read-tensor.js";
import { readTensorIndex, type PlacedTensor, type TensorIndex } from "../tensor-index.js";
import { isMtpTensor, mtpLayouts, type MtpLayout } from "./layout.js";

/**
 * The module is head 2's, and applied again for each head behind it. Throws `not-found` for a checkpoint without a module,
 * `invalid-argument` for one with other token heads, `invalid-file` for tensors that do not fit the base, `unsupported` for several
 * modules and for embeddings of the module's own.
 */
export async function withMtpHeads(base: Checkpoint): Promise<Checkpoint> {
  const { files } = base;
  if (base.config.tokenHeads > 1 || base.trainedHeads.length > 0)
    throw new DynamoError(
      "invalid-argument",
      `${files.location} has token heads already: expected a base for its MTP module`,
    );
  const index = await readTensorIndex(files);
  const layout = oneLayout(files.location, index);
  const config = configOf(base.config, layout);
  if (architectureOf(config).layers.at(-1)?.attention.window !== undefined)
    throw new DynamoError("unsupported", `${files.location}: an MTP module whose layer has a sliding window`);
  await checkCopies(base, index, layout);
  return join(base, config, index, layout);
}

function oneLayout(location: string, index: TensorIndex): MtpLayout {
  const found = mtpLayouts(index.keys());
  const [layout] = found;
  if (found.length > 1)
    throw new DynamoError("unsupported", `${location}: expected one MTP module, received ${found.length}`);
  if (layout !== undefined) return layout;
  const parts = [...index.keys()].filter(isMtpTensor);
  if (parts.length > 0)
    throw new DynamoError(
      "invalid-file",
      `${location}: expected mtp.fc.weight, model.mtp_layers.0.input_proj.weight or model.layers.N.eh_proj.weight beside ${parts[0]}, received none`,
    );
  throw new DynamoError(
    "not-found",
    `${location}: expected an MTP module (mtp.*, model.mtp_layers.* or eh_proj), found none`,
  );
}

const configOf = ({ raw }: ModelConfig, { kind }: MtpLayout): ModelConfig =>
  parseConfig({ ...raw, dynamo: { token_heads: 2, head_kind: kind } });

/** The module reads the base's embeddings: what it has of its own must be the same. */
async function checkCopies(base: Checkpoint, index: TensorIndex, { copies }: MtpLayout): Promise<void> {
  const { embedding } = architectureOf(base.config);
  for (const [copy, own] of [
    [copies.embedding, `${embedding}.weight`],
    [copies.output, outputEmbedding(base.config, 1)],
  ] as const) {
    const placed = index.get(`${copy}.weight`);
    if (placed === undefined) continue;
    const [values, wanted] = [await readTensor(base.files, `${copy}.weight`, placed), await base.read(own)];
    if (values.length !== wanted.length || values.some((value, i) => value !== wanted[i]))
      throw new DynamoError("unsupported", `${base.files.location}: expected ${copy}.weight to be a copy of ${own}`);
  }
}

function join(base: Checkpoint, config: ModelConfig, index: TensorIndex, layout: MtpLayout): Checkpoint {
  const shapes = headShapes(config, 2);
  const sourceOf = sourceNames(config, layout);
  const { location } = base.files;
  checkTensors(
    location,
    new Map([...shapes].map(([name, shape]) => [sourceOf(name), shape])),
    (name) => index.get(name),
    "the base's layers",
  );
  return {
    ...base,
    config,
    trainedHeads: [2, 3, 4],
    shapes: new Map([...base.shapes, ...shapes]),
    has: (name) => shapes.has(name) || base.has(name),
    async read(name) {
      if (!shapes.has(name)) return base.read(name);
      const source = sourceOf(name);
      const values = await readTensor(base.files, source, index.get(source) as PlacedTensor);
      const isSwapped = layout.isStateFirst && source === `${layout.projection}.weight`;
      return isSwapped ? swapHalves(values, config.hiddenSize) : values;
    },
  };
}

/** The name in the checkpoint by our name. */
function sourceNames(config: ModelConfig, layout: MtpLayout): (name: string) => string {
  const own = headPrefix(2);
  const names = new Map([
    [`${own}.embedding_norm`, layout.embeddingNorm],
    [`${own}.hidden_norm`, layout.hiddenNorm],
    [`${own}.output_norm`, layout.outputNorm],
    [`${own}.projection`, layout.projection],
  ]);
  const layer = headLayerPrefix(config, 2, 0);
  return (name) => {
    const [, tensor = "", part = ""] = /^(.*)\.(weight|bias)$/.exec(name) ?? [];
    const source = names.get(tensor);
    return source === undefined ? name.replace(layer, layout.layer) : `${source}.${part}`;
  };
}

/** Rows of [a, b] → [b, a], each of `width`. */
function swapHalves(matrix: Float32Array, width: number): Float32Array {
  const swapped = new Float32Array(matrix.length);
  for (let row = 0; row < matrix.length; row += 2 * width) {
    swapped.set(matrix.subarray(row + width, row + 2 * width), row);
    swapped.set(matrix.subarray(row, row + width), row + width);
  }
  return swapped;
}
