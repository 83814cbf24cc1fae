/**
 * The heads on a stem that an inference session computes: the base's weights are that session's own, and the training graph
 * holds the heads, the final norm and the output embedding alone.
 *
 * In: hidden float32 [B·S, hidden], the stem's output; with `firstHead`, and where the other heads are built on it, head_1
 *     float32 [B·S, hidden], the last base layer's. Only what is used is an input.
 */
import { architectureOf, outputEmbedding, type ModelConfig, type Shapes } from "@dynamo/model";
import type { Tape, Variable } from "../autodiff/tape.js";
import { extraHeadOutputs, finalNorm, type HeadInputs } from "./decoder.js";
import { isHeadTensor } from "./model-shapes.js";

export interface StemInput {
  /** Head 1 counts too: evaluation wants it, training of the others does not. */
  readonly firstHead: boolean;
}

/** Normalised outputs of heads 2..N, with `firstHead` of 1..N. Nothing that comes from the stem has a gradient. */
export function headsOnStem(tape: Tape, inputs: HeadInputs, { firstHead }: StemInput): Variable[] {
  const dims = [inputs.batch * inputs.sequence, inputs.config.hiddenSize];
  const input = (name: string): Variable => ({ ...tape.parameter(name, dims), tracked: false });
  const last = firstHead || isOnLastLayer(inputs.config) ? input("head_1") : undefined;
  const first = firstHead && last !== undefined ? [finalNorm(tape, inputs, 1, last)] : [];
  const base = isOnLastLayer(inputs.config) ? last : undefined;
  return [...first, ...extraHeadOutputs(tape, inputs, base ?? input("hidden"))];
}

/** Whether heads 2..N read head_1 instead of hidden. */
export const isOnLastLayer = ({ headInput }: ModelConfig): boolean => headInput !== "stem";

/** Of a model's parameters, the ones that such a graph uses: the heads', which are trained, and the frozen end of the base. */
export function shapesOnStem(shapes: Shapes, config: ModelConfig): Shapes {
  const { finalNorm, embedding } = architectureOf(config);
  const norm = `${finalNorm.tensor}.`;
  const tables = [outputEmbedding(config, 1), ...(config.conditional === undefined ? [] : [`${embedding}.weight`])];
  const isUsed = (name: string): boolean => isHeadTensor(name) || name.startsWith(norm) || tables.includes(name);
  return new Map([...shapes].filter(([name]) => isUsed(name)));
}
