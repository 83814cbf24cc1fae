/**
 * Golden vectors of training: a checkpoint, the tokens of some AdamW steps, and what a reference framework made of them:
 * losses and gradients' norms of every step, gradients of the first, weights after the last.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DynamoError, tensor, type Runtime, type RuntimeState, type Tensor } from "@dynamo/core";
import { checkValue } from "@dynamo/core/options";
import { openCheckpoint, type ModelConfig } from "@dynamo/model";
import { nodeFolder } from "@dynamo/model/convert";
import { encodeOnnx } from "@dynamo/onnx";
import { z } from "zod";
import { gradientGraph, gradientName } from "../graph/gradient-graph.js";
import { modelShapes } from "../graph/model-shapes.js";
import { moment1Name, moment2Name, updateGraph } from "../graph/update-graph.js";
import { folderCheck, runtimeCheck } from "../arguments.js";
import { readTensorFile } from "./files/tensor-file.js";

/** What one check of the training vectors found. */
export interface VectorCheck {
  readonly name: string;
  readonly passed: boolean;
  /** What was found against what was allowed. */
  readonly detail: string;
}

const tolerances = { loss: 1e-4, gradientNorm: 1e-3, gradientElement: 1e-3, weight: 1e-4 } as const;

const maxTokens = 2 ** 20;
const trainingFile = z.object({
  stem_gradient_scale: z.number(),
  distillation: z.number().min(0).max(1).default(0),
  lr_base: z.number(),
  lr_heads: z.number(),
  weight_decay: z.number(),
  betas: z.tuple([z.number(), z.number()]),
  epsilon: z.number(),
  schedule: z.literal("constant"),
  steps: z
    .array(
      z.object({
        tokens: z.array(z.array(z.int().min(0)).max(maxTokens)).min(1),
        losses: z.array(z.number()),
        /** Of heads 2..N behind the true tokens between. */
        conditional_losses: z.array(z.number()).default([]),
        gradient_norms: z.record(z.string(), z.number()),
      }),
    )
    .min(1),
});
type TrainingFile = z.output<typeof trainingFile>;

/** Runs the vectors of a folder. Throws `not-found` and `invalid-file` for folders that hold no such vectors. */
export async function* runTrainingVectors(runtime: Runtime, folder: string): AsyncGenerator<VectorCheck> {
  checkValue("runtime", runtime, runtimeCheck);
  checkValue("folder", folder, folderCheck);
  const vectors = await readVectors(folder);
  const checkpoint = await openCheckpoint(nodeFolder(folder));
  const { config } = checkpoint;
  const shapes = modelShapes(config);
  const weights = new Map<string, Float32Array>();
  try {
    for (const name of shapes.keys()) weights.set(name, await checkpoint.read(name));
  } finally {
    await checkpoint.close();
  }
  const expectedGradients = await readTensorFile(join(folder, "expected-gradients.safetensors"), shapes);
  const expectedWeights = await readTensorFile(
    join(folder, `expected-after-${vectors.steps.length}-steps.safetensors`),
    shapes,
  );
  const run = await openReplay(runtime, config, vectors, weights);
  try {
    for (const [i, step] of vectors.steps.entries()) {
      const { losses, gradients } = await run.step(i);
      yield* checkLosses(losses, step, i);
      yield* checkNorms(gradients, step.gradient_norms, i);
      if (i === 0) yield* checkGradients(gradients, expectedGradients);
    }
    yield* checkWeights(await run.weights(), expectedWeights, expectedGradients, vectors);
  } finally {
    await run.dispose();
  }
}

async function readVectors(folder: string): Promise<TrainingFile> {
  const path = join(folder, "training.json");
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new DynamoError("not-found", `there are no training vectors in ${folder} (no training.json)`, { cause });
  });
  const parsed = trainingFile.safeParse(jsonOf(text, path));
  if (parsed.success) return parsed.data;
  throw new DynamoError("invalid-file", `${path}: ${parsed.error.issues.map(({ message }) => message).join("; ")}`);
}

function jsonOf(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DynamoError("invalid-file", `${path} is not JSON`, { cause });
  }
}

interface Replay {
  step(index: number): Promise<{ losses: Float32Array; gradients: ReadonlyMap<string, Float32Array> }>;
  weights(): Promise<ReadonlyMap<string, Float32Array>>;
  dispose(): Promise<void>;
}

/** The vectors' own run: every parameter trained, decayed alike, nothing clipped. */
async function openReplay(
  runtime: Runtime,
  config: ModelConfig,
  vectors: TrainingFile,
  weights: ReadonlyMap<string, Float32Array>,
): Promise<Replay> {
  const shapes = modelShapes(config);
  const names = [...shapes.keys()];
  const [beta1, beta2] = vectors.betas;
  const rows = vectors.steps[0]?.tokens as number[][];
  const shape = { batch: rows.length, sequence: rows[0]?.length as number };
  const gradientSession = await runtime.createSession({
    bytes: await encodeOnnx(
      gradientGraph({
        config,
        shapes,
        ...shape,
        trained: new Set(names),
        stemGradientScale: vectors.stem_gradient_scale,
        headWeights: new Array<number>(config.tokenHeads).fill(1),
        distillation: vectors.distillation,
        accumulate: false,
      }),
    ),
  });
  const parameters = [...shapes].map(([name, dims]) => ({
    name,
    dims,
    group: name.startsWith("dynamo.") ? 1 : 0,
    weightDecay: vectors.weight_decay,
  }));
  const adamw = { beta1, beta2, epsilon: vectors.epsilon, clipNorm: Infinity };
  const updateSession = await runtime.createSession({ bytes: await encodeOnnx(updateGraph(parameters, 2, adamw)) });
  const state = await initialState(runtime, shapes, weights);
  const read = async (toName: (name: string) => string): Promise<ReadonlyMap<string, Float32Array>> => {
    const values = await state.read(names.map(toName));
    return new Map(names.map((name) => [name, values[toName(name)]?.data as Float32Array]));
  };
  return {
    async step(index) {
      const feeds = stepFeeds(vectors.steps[index]?.tokens as number[][], config.tokenHeads);
      const { losses } = await gradientSession.run(feeds, ["losses"], { state });
      const gradients = await read(gradientName);
      const rates = Float32Array.of(vectors.lr_base, vectors.lr_heads);
      const corrections = Float32Array.of(1 / (1 - beta1 ** (index + 1)), 1 / (1 - beta2 ** (index + 1)));
      await updateSession.run(
        { learning_rates: tensor("float32", [2], rates), corrections: tensor("float32", [2], corrections) },
        [],
        { state },
      );
      return { losses: losses?.data as Float32Array, gradients };
    },
    weights: () => read((name) => name),
    async dispose() {
      await gradientSession.dispose();
      await updateSession.dispose();
      await state.dispose();
    },
  };
}

async function initialState(
  runtime: Runtime,
  shapes: ReadonlyMap<string, readonly number[]>,
  weights: ReadonlyMap<string, Float32Array>,
): Promise<RuntimeState> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, dims] of shapes) {
    tensors[name] = tensor("float32", dims, weights.get(name) as Float32Array);
    for (const toName of [gradientName, moment1Name, moment2Name]) tensors[toName(name)] = tensor("float32", dims);
  }
  return runtime.createState(tensors);
}

/** Rows without tokens to spare: the last n positions of each have no target for head n. */
function stepFeeds(rows: readonly (readonly number[])[], tokenHeads: number): Record<string, Tensor> {
  const [batch, sequence] = [rows.length, rows[0]?.length as number];
  const size = batch * sequence;
  const targets = new Int32Array(tokenHeads * size);
  const weights = new Float32Array(tokenHeads * size);
  for (let head = 1; head <= tokenHeads; head++) {
    for (const [b, row] of rows.entries()) {
      for (let t = 0; t + head < sequence; t++) {
        const place = (head - 1) * size + b * sequence + t;
        targets[place] = row[t + head] as number;
        weights[place] = 1 / (batch * (sequence - head));
      }
    }
  }
  return {
    tokens: tensor("int32", [batch, sequence], Int32Array.from(rows.flat())),
    targets: tensor("int32", [tokenHeads, size], targets),
    target_weights: tensor("float32", [tokenHeads, size], weights),
  };
}

function* checkLosses(
  found: Float32Array,
  { losses, conditional_losses: behind }: TrainingFile["steps"][number],
  step: number,
): Generator<VectorCheck> {
  const named = [
    ...losses.map((loss, i) => ({ name: `loss of head ${i + 1}`, loss })),
    ...behind.map((loss, i) => ({ name: `loss of head ${i + 2} behind the tokens between`, loss })),
  ];
  for (const [i, { name, loss }] of named.entries())
    yield check(`step ${step + 1}: ${name}`, Math.abs((found[i] ?? NaN) - loss), tolerances.loss);
}

function* checkNorms(
  gradients: ReadonlyMap<string, Float32Array>,
  norms: Readonly<Record<string, number>>,
  step: number,
): Generator<VectorCheck> {
  for (const [name, expected] of Object.entries(norms)) {
    const norm = Math.sqrt((gradients.get(name) ?? new Float32Array()).reduce((sum, value) => sum + value * value, 0));
    yield check(
      `step ${step + 1}: gradient norm of ${name}`,
      Math.abs(norm - expected) / expected,
      tolerances.gradientNorm,
    );
  }
}

function* checkGradients(
  gradients: ReadonlyMap<string, Float32Array>,
  expected: ReadonlyMap<string, Float32Array>,
): Generator<VectorCheck> {
  for (const [name, values] of expected) {
    const difference = largestDifference(gradients.get(name) as Float32Array, values) / largest(values);
    yield check(`step 1: gradient of ${name}`, difference, tolerances.gradientElement);
  }
}

/**
 * A gradient that is zero but for rounding (a key's bias where it is not rotated: the softmax does not see it) still moves
 * AdamW by up to a learning rate in a direction that rounding decides: such elements may be that far apart.
 */
const roundingFraction = 1e-6;

function* checkWeights(
  found: ReadonlyMap<string, Float32Array>,
  expected: ReadonlyMap<string, Float32Array>,
  gradients: ReadonlyMap<string, Float32Array>,
  { steps, lr_base, lr_heads }: TrainingFile,
): Generator<VectorCheck> {
  for (const [name, values] of expected) {
    const gradient = gradients.get(name) as Float32Array;
    const negligible = largest(gradient) * roundingFraction;
    const undecided = 2 * steps.length * (name.startsWith("dynamo.") ? lr_heads : lr_base);
    const own = found.get(name) as Float32Array;
    let [worst, worstUndecided] = [0, 0];
    for (const [i, value] of values.entries()) {
      const difference = Math.abs(value - (own[i] as number));
      if (Math.abs(gradient[i] as number) > negligible) worst = Math.max(worst, difference);
      else worstUndecided = Math.max(worstUndecided, difference);
    }
    const passed = worst <= tolerances.weight && worstUndecided <= undecided;
    const rest =
      worstUndecided > tolerances.weight
        ? `, ${worstUndecided.toExponential(1)} where the gradient is rounding alone`
        : "";
    yield { ...check(`after ${steps.length} steps: ${name}`, worst, tolerances.weight, rest), passed };
  }
}

const largest = (values: Float32Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

const largestDifference = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);

const check = (name: string, difference: number, allowed: number, rest = ""): VectorCheck => ({
  name,
  passed: difference <= allowed,
  detail: `${difference.toExponential(1)} of at most ${allowed}${rest}`,
});
