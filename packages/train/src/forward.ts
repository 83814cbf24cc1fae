/**
 * What a trainer computes a batch's losses with: the whole model in its graphs, or the heads alone on a stem that is an
 * inference session, so that the base's weights lie in no training state.
 */
import {
  DynamoError,
  tensor,
  type Feeds,
  type GraphSource,
  type Runtime,
  type Session,
  type Tensor,
} from "@dynamo/core";
import type { ModelConfig, Shapes } from "@dynamo/model";
import { trainingFeeds, type BatchShape, type TokenRows } from "./batch.js";
import type { LossGraphOptions } from "./graph/gradient-graph.js";
import { trainingShapes, type HeadLora } from "./graph/lora.js";
import { isHeadTensor } from "./graph/model-shapes.js";
import { isOnLastLayer, shapesOnStem } from "./graph/stem-input.js";

export interface Forward {
  /** Parameters that lie in the state, frozen ones included. */
  readonly shapes: Shapes;
  /** Those of them that a checkpoint of the training needs. */
  readonly saved: readonly string[];
  /** The head that the first of a training step's losses is of. */
  readonly firstHead: number;
  readonly training: LossGraphOptions;
  readonly evaluation: LossGraphOptions;
  /** A batch for the training graph; `totals`: counted targets of the whole step for each head. */
  trainingFeeds(rows: TokenRows, totals: readonly number[]): Promise<Feeds>;
  evaluationFeeds(rows: TokenRows): Promise<Feeds>;
  dispose(): Promise<void>;
}

/** Every parameter in the state, and everything in one graph. */
export function wholeForward(
  config: ModelConfig,
  shape: BatchShape,
  stemGradientScale: number,
  lora: HeadLora | undefined,
): Forward {
  const shapes = trainingShapes(config, lora);
  const graph = { config, shapes, ...shape, stemGradientScale, lora };
  const feeds = (rows: TokenRows, totals?: readonly number[]): Promise<Feeds> =>
    Promise.resolve({ ...trainingFeeds(rows, shape, totals) });
  return {
    shapes,
    saved: [...shapes.keys()],
    firstHead: 1,
    training: graph,
    evaluation: graph,
    trainingFeeds: feeds,
    evaluationFeeds: (rows) => feeds(rows),
    dispose: () => Promise.resolve(),
  };
}

export interface StemSource {
  /** What `writeStem` makes. */
  readonly graph: GraphSource;
  /** Whether training needs head 1: heads 2..N learn from its distribution, or their conditional parts read its state. */
  readonly firstHead: boolean;
  readonly lora: HeadLora | undefined;
}

/** Heads 2..N, the final norm and the output embedding in the state. */
export async function stemForward(
  runtime: Runtime,
  config: ModelConfig,
  shape: BatchShape,
  { graph: source, firstHead, lora }: StemSource,
): Promise<Forward> {
  const shapes = shapesOnStem(trainingShapes(config, lora), config);
  const graph = { config, shapes, ...shape, stemGradientScale: 0, lora };
  const session = await openStem(runtime, config, source);
  const states = (tokens: Tensor, names: readonly ("hidden" | "head_1")[]): Promise<Feeds> =>
    session.run({ tokens, first_head: flag(names.includes("head_1")) }, names);
  const read = isOnLastLayer(config) ? "head_1" : "hidden";
  const both = [...new Set([read, "head_1"] as const)];
  return {
    shapes,
    saved: [...shapes.keys()].filter(isHeadTensor),
    firstHead: firstHead ? 1 : 2,
    training: { ...graph, stem: { firstHead } },
    evaluation: { ...graph, stem: { firstHead: true } },
    async trainingFeeds(rows, totals) {
      const { tokens, ...targets } = trainingFeeds(rows, shape, totals);
      if (firstHead) return { ...(await states(tokens, both)), ...targets };
      const [ids, weights] = [withoutFirst(targets.targets), withoutFirst(targets.target_weights)];
      return { ...(await states(tokens, [read])), targets: ids, target_weights: weights };
    },
    async evaluationFeeds(rows) {
      const { tokens, ...targets } = trainingFeeds(rows, shape);
      return { ...(await states(tokens, both)), ...targets };
    },
    dispose: () => session.dispose(),
  };
}

const flag = (value: boolean): Tensor => tensor("bool", [], Uint8Array.of(value ? 1 : 0));

/** [N, R] → [N - 1, R] */
function withoutFirst<D extends "int32" | "float32">({ dtype, dims, data }: Tensor<D>): Tensor {
  const [heads, rows] = dims as [number, number];
  return tensor(dtype, [heads - 1, rows], data.subarray(rows) as typeof data);
}

/** Throws `invalid-file` for a graph that is no stem, or another model's. */
async function openStem(runtime: Runtime, { hiddenSize }: ModelConfig, stem: GraphSource): Promise<Session> {
  const session = await runtime.createSession(stem);
  const width = session.outputs.find(({ name }) => name === "hidden")?.dims.at(-1);
  if (width === hiddenSize) return session;
  await session.dispose();
  const found = width === undefined ? "a graph without that output" : `width ${width}`;
  throw new DynamoError("invalid-file", `the stem: expected hidden states of width ${hiddenSize}, received ${found}`);
}
