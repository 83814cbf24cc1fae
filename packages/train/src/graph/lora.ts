/**
 * LoRA heads: heads 2..N are copies of the base's last layer, and of each of their matrices only a low-rank update is trained,
 * W + (α/r)·B·A with A [r, inputs] and B [outputs, r] (Hu et al., 2021, section 4.1). Everything else of them is frozen.
 */
import { isConditionalTensor, isHeadEmbedding, uniformTensor, type ModelConfig, type Shapes } from "@dynamo/model";
import { add, matrixProduct, scale } from "../autodiff/operators.js";
import type { Tape, Variable } from "../autodiff/tape.js";
import { isHeadTensor, modelShapes } from "./model-shapes.js";
import type { Parameters } from "./layer-operations.js";

/** Low-rank updates that heads 2..N are trained by. */
export interface HeadLora {
  /** r */
  readonly rank: number;
  /** α; the rank when absent, so that the update counts as it is. */
  readonly alpha?: number | undefined;
}

const factorName = (weight: string, factor: "a" | "b"): string => `${weight.replace(/\.weight$/, "")}.lora_${factor}`;

/** Whether a parameter is one of the two factors of an update. */
export const isFactor = (name: string): boolean => /\.lora_[ab]$/.test(name);

const updateScale = ({ rank, alpha = rank }: HeadLora): number => alpha / rank;

/** All parameters of a training: the model's, and with LoRA heads the factors of their matrices. */
export function trainingShapes(config: ModelConfig, lora: HeadLora | undefined): Shapes {
  const shapes = modelShapes(config);
  if (lora === undefined) return shapes;
  const factors = [...shapes].flatMap(([name, shape]): [string, number[]][] => {
    const [outputs, inputs] = shape;
    const isMatrix = shape.length === 2 && outputs !== undefined && inputs !== undefined;
    if (!isHeadTensor(name) || isHeadEmbedding(name) || isConditionalTensor(name) || !isMatrix) return [];
    return [
      [factorName(name, "a"), [lora.rank, inputs]],
      [factorName(name, "b"), [outputs, lora.rank]],
    ];
  });
  return new Map([...shapes, ...factors]);
}

/** What a training changes: everything, heads 2..N with their conditional parts, or these parts alone. */
export type Trained = "all" | "heads" | "conditional";

/** Whether a training changes a parameter. Conditional parts have no copies that low-rank updates could be of: they train whole. */
export function isTrained(name: string, train: Trained, lora: HeadLora | undefined): boolean {
  if (isConditionalTensor(name)) return true;
  if (train === "conditional") return false;
  return isHeadTensor(name) ? lora === undefined || isFactor(name) : train === "all";
}

/** B begins at zero, so that a head begins as the copied layer; A uniform within 1/√inputs, as the LoRA authors' code has it. */
export function initialFactor(name: string, shape: readonly number[], seed: number): Float32Array {
  const bound = name.endsWith("lora_b") ? 0 : 1 / Math.sqrt(shape.at(-1) as number);
  return uniformTensor(name, shape, seed, bound);
}

/** Parameters as the model computes with them: adapted matrices with their updates, which gradients reach through the factors. */
export function adaptedParameters(
  tape: Tape,
  parameters: ReadonlyMap<string, Variable>,
  lora: HeadLora | undefined,
): Parameters {
  return (name) => {
    const weight = parameters.get(name) as Variable;
    const [a, b] = [parameters.get(factorName(name, "a")), parameters.get(factorName(name, "b"))];
    if (lora === undefined || a === undefined || b === undefined) return weight;
    const scope = tape.scope(`lora/${name}`);
    return add(scope, weight, matrixProduct(scope, b, scale(scope, a, updateScale(lora))));
  };
}

/** A model's weights out of a training's: updates are added to their matrices, and there are no factors any more. */
export function mergedWeights(
  weights: ReadonlyMap<string, Float32Array>,
  lora: HeadLora | undefined,
): ReadonlyMap<string, Float32Array> {
  if (lora === undefined) return weights;
  const own = [...weights].filter(([name]) => !isFactor(name));
  return new Map(
    own.map(([name, weight]) => {
      const [a, b] = [weights.get(factorName(name, "a")), weights.get(factorName(name, "b"))];
      return [name, a === undefined || b === undefined ? weight : merged(weight, a, b, lora)];
    }),
  );
}

function merged(weight: Float32Array, a: Float32Array, b: Float32Array, lora: HeadLora): Float32Array {
  const [{ rank }, factor] = [lora, updateScale(lora)];
  const inputs = a.length / rank;
  const result = new Float32Array(weight.length);
  const update = new Float64Array(inputs);
  for (let row = 0; row * inputs < weight.length; row++) {
    update.fill(0);
    for (let r = 0; r < rank; r++) {
      const left = factor * (b[row * rank + r] as number);
      for (let i = 0; i < inputs; i++) update[i] = (update[i] as number) + left * (a[r * inputs + i] as number);
    }
    for (let i = 0; i < inputs; i++)
      result[row * inputs + i] = (weight[row * inputs + i] as number) + (update[i] as number);
  }
  return result;
}
