/**
 * lora.safetensors: LoRA heads as a run trains them, copied weights and factors. The model beside it in a checkpoint has the same
 * heads with their updates merged in: that is what models are converted from, and never what a run goes on from.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DynamoError } from "@dynamo/core";
import type { Shapes } from "@dynamo/model";
import { isFactor } from "../../graph/lora.js";
import { isHeadTensor } from "../../graph/model-shapes.js";
import { readTensorFile, writeTensorFile, type NamedFloats } from "./tensor-file.js";

const fileIn = (checkpoint: string): string => join(checkpoint, "lora.safetensors");

/** Nothing when no weight is a factor. */
export async function writeLora(checkpoint: string, weights: readonly NamedFloats[]): Promise<void> {
  if (!weights.some(({ name }) => isFactor(name))) return;
  const heads = weights.filter(({ name }) => isHeadTensor(name));
  await writeTensorFile(fileIn(checkpoint), heads);
}

/** LoRA heads of a training's `shapes`; nothing when there are none. */
export async function readLora(checkpoint: string, shapes: Shapes): Promise<ReadonlyMap<string, Float32Array>> {
  if (![...shapes.keys()].some(isFactor)) return new Map();
  const path = fileIn(checkpoint);
  if (existsSync(path)) return readTensorFile(path, new Map([...shapes].filter(([name]) => isHeadTensor(name))));
  const merged = "the model's own files have LoRA heads with their updates merged in";
  throw new DynamoError(
    "invalid-file",
    `${path} is missing: ${merged}, from which a model can be made, but no run can go on`,
  );
}
