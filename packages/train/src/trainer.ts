/**
 * The trainer: a model's weights and the optimizer's moments as a runtime's state, and the graphs that read and replace them.
 * It knows nothing of files, so that it runs wherever a Runtime does.
 */
import {
  DynamoError,
  nextName,
  tensor,
  type Feeds,
  type Runtime,
  type RuntimeState,
  type Session,
  type Tensor,
} from "@dynamo/core";
import type { ModelConfig } from "@dynamo/model";
import { encodeOnnx, type OnnxModel } from "@dynamo/onnx";
import { targetCounts, type BatchShape, type TokenRows } from "./batch.js";
import { stemForward, wholeForward, type Forward } from "./forward.js";
import { gradientGraph, gradientName, lossGraph } from "./graph/gradient-graph.js";
import { isTrained } from "./graph/lora.js";
import { isHeadTensor } from "./graph/model-shapes.js";
import { moment1Name, moment2Name, type TrainedParameter } from "./graph/update-graph.js";
import { createOptimizer } from "./optimizer.js";
import { checkPrecision } from "./precision.js";
import { checkRows, checkStep, checkTrainer, nothingToTrain } from "./trainer-checks.js";
import type { StepReport, Trainer, TrainerOptions, TrainerStart, TrainerTensors } from "./trainer-types.js";

export type {
  LearningRates,
  StepReport,
  Trainer,
  TrainerOptions,
  TrainerStart,
  TrainerTensors,
} from "./trainer-types.js";

const baseGroup = 0;
const headsGroup = 1;

/** Throws `unsupported` when the device lacks the precision. The caller disposes the trainer. */
export async function createTrainer(
  runtime: Runtime,
  config: ModelConfig,
  start: TrainerStart,
  options: TrainerOptions,
): Promise<Trainer> {
  checkTrainer(runtime, config, start, options);
  return openTrainer(runtime, config, start, options);
}

async function openTrainer(
  runtime: Runtime,
  config: ModelConfig,
  start: TrainerStart,
  options: TrainerOptions,
): Promise<Trainer> {
  const { precision = "float32" } = options;
  await checkPrecision(runtime, precision);
  const shape: BatchShape = { batch: options.batch, sequence: options.sequence, tokenHeads: config.tokenHeads };
  const forward = await openForward(runtime, config, shape, options);
  const { shapes, firstHead } = forward;
  const sessions: Session[] = [];
  const open = async (model: OnnxModel): Promise<Session> => {
    const deviceOutputs = model.graph.outputs.map(({ name }) => name).filter((name) => name.endsWith(nextName("")));
    const session = await runtime.createSession({ bytes: await encodeOnnx(model) }, { deviceOutputs });
    sessions.push(session);
    return session;
  };
  let state: RuntimeState | undefined;
  try {
    const parameters = trainedParameters(shapes, options);
    const trained = new Set(parameters.map(({ name }) => name));
    const accumulate = options.microBatches > 1;
    const headWeights = options.headWeights.slice(firstHead - 1);
    const tensors = (state = await createState(runtime, shapes, parameters, start));
    const trainingOptions = { trained, headWeights, distillation: options.distillation ?? 0, accumulate, precision };
    const gradients = await open(gradientGraph({ ...forward.training, ...trainingOptions }));
    const optimizer = await createOptimizer(open, tensors, {
      precision,
      parameters,
      groups: headsGroup + 1,
      adamw: options.adamw,
      lossScale: start.lossScale,
    });
    let evaluation: Session | undefined;
    let spoilt: DynamoError | undefined;
    const checkUsable = (): void => {
      if (spoilt !== undefined) throw new DynamoError("runtime", `the weights are spoilt: ${spoilt.message}`);
    };
    return {
      shape,
      shapes,
      firstHead,
      trained: [...trained],
      get lossScale() {
        return optimizer.lossScale;
      },
      async step(batches, step, rates) {
        checkUsable();
        checkStep(batches, step, rates);
        checkCount(batches, options.microBatches);
        const losses = await gradientPasses(gradients, tensors, batches, shape, forward, accumulate, optimizer.feeds());
        const gradientNorm = await optimizer.update(step, [rates.base, rates.heads]);
        const { lossScale } = optimizer;
        if (lossScale !== undefined) return { ...losses, gradientNorm, lossScale };
        if (Number.isFinite(gradientNorm)) return { ...losses, gradientNorm };
        spoilt = notFinite(`the norm of the gradients is ${gradientNorm}`);
        throw spoilt;
      },
      async evaluate(rows) {
        checkUsable();
        checkRows(rows);
        evaluation ??= await open(lossGraph(forward.evaluation));
        const feeds = await forward.evaluationFeeds(rows);
        const results = await evaluation.run(feeds, ["losses"], { state: tensors });
        const losses = [...floats(results["losses"])];
        if (!losses.every(Number.isFinite)) throw notFinite(`the losses are ${losses.join(", ")}`);
        return losses;
      },
      async read() {
        checkUsable();
        return readTensors(tensors, forward.saved, [...trained]);
      },
      dispose: () => disposeAll([...sessions, forward, tensors]),
    };
  } catch (error) {
    await disposeAll([...sessions, forward, ...(state === undefined ? [] : [state])]);
    throw error;
  }
}

async function readTensors(
  state: RuntimeState,
  saved: readonly string[],
  trained: readonly string[],
): Promise<TrainerTensors> {
  const copies = async (
    keys: readonly string[],
    toName: (key: string) => string,
  ): Promise<Map<string, Float32Array>> => {
    const values = await state.read(keys.map(toName));
    return new Map(keys.map((key) => [key, floats(values[toName(key)])]));
  };
  return {
    weights: await copies(saved, (name) => name),
    moments1: await copies(trained, moment1Name),
    moments2: await copies(trained, moment2Name),
  };
}

function openForward(
  runtime: Runtime,
  config: ModelConfig,
  shape: BatchShape,
  { stem, train, stemGradientScale, headLora: lora, distillation = 0 }: TrainerOptions,
): Promise<Forward> {
  if (stem === undefined) return Promise.resolve(wholeForward(config, shape, stemGradientScale, lora));
  if (train === "all")
    throw new DynamoError("invalid-argument", "a stem session is frozen: it is for training heads only");
  const firstHead = distillation > 0 || config.conditional !== undefined;
  return stemForward(runtime, config, shape, { graph: stem, firstHead, lora });
}

async function disposeAll(disposables: readonly { dispose(): Promise<void> }[]): Promise<void> {
  for (const each of disposables) await each.dispose();
}

const floats = (value: Tensor | undefined): Float32Array => value?.data as Float32Array;

function trainedParameters(
  shapes: ReadonlyMap<string, readonly number[]>,
  { train, weightDecay, decayAll, headLora }: TrainerOptions,
): TrainedParameter[] {
  const parameters = [...shapes].map(([name, dims]) => {
    const group = isHeadTensor(name) ? headsGroup : baseGroup;
    // Norms and biases are the vectors.
    return { name, dims, group, weightDecay: decayAll || dims.length > 1 ? weightDecay : 0 };
  });
  const chosen = parameters.filter(({ name }) => isTrained(name, train, headLora));
  if (chosen.length > 0) return chosen;
  throw nothingToTrain(train);
}

async function createState(
  runtime: Runtime,
  shapes: ReadonlyMap<string, readonly number[]>,
  trained: readonly TrainedParameter[],
  { weights, moments1, moments2 }: TrainerStart,
): Promise<RuntimeState> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, dims] of shapes) tensors[name] = tensor("float32", dims, await weights(name));
  for (const { name, dims } of trained) {
    tensors[gradientName(name)] = tensor("float32", dims);
    tensors[moment1Name(name)] = tensor("float32", dims, momentsOf(name, moments1));
    tensors[moment2Name(name)] = tensor("float32", dims, momentsOf(name, moments2));
  }
  return runtime.createState(tensors);
}

/** Zeros for a run that begins; one that goes on has moments of all that it trains. */
function momentsOf(name: string, moments: ReadonlyMap<string, Float32Array> | undefined): Float32Array | undefined {
  if (moments === undefined || moments.has(name)) return moments?.get(name);
  throw new DynamoError(
    "invalid-file",
    `the optimizer's moments of ${name} are missing: another run trained something else`,
  );
}

function checkCount(batches: readonly TokenRows[], microBatches: number): void {
  if (batches.length === microBatches) return;
  throw new DynamoError("invalid-argument", `a step takes ${microBatches} micro-batches, received ${batches.length}`);
}

/** Adds the micro-batches' gradients up in the state, and returns their mean losses. */
async function gradientPasses(
  session: Session,
  state: RuntimeState,
  batches: readonly TokenRows[],
  shape: BatchShape,
  forward: Forward,
  accumulate: boolean,
  scaling: Feeds,
): Promise<Pick<StepReport, "losses" | "conditionalLosses">> {
  const total: number[] = [];
  const counts = stepCounts(batches, shape);
  for (const [i, rows] of batches.entries()) {
    const keep = accumulate ? { keep: tensor("float32", [], Float32Array.of(i === 0 ? 0 : 1)) } : {};
    const feeds = { ...(await forward.trainingFeeds(rows, counts)), ...keep, ...scaling };
    const { losses } = await session.run(feeds, ["losses"], { state });
    for (const [head, loss] of floats(losses).entries()) total[head] = (total[head] ?? 0) + loss;
    // Before the update, so that the weights stay what they were.
    if (!total.every(Number.isFinite)) throw notFinite(`the losses are ${total.join(", ")}`, i, batches.length);
  }
  const ofHeads = shape.tokenHeads - forward.firstHead + 1;
  return { losses: total.slice(0, ofHeads), conditionalLosses: total.slice(ofHeads) };
}

/** Targets of all micro-batches for each head: means over them weigh every target alike, wherever it lies. */
function stepCounts(batches: readonly TokenRows[], shape: BatchShape): number[] {
  const counts = new Array<number>(shape.tokenHeads).fill(0);
  for (const rows of batches)
    for (const [i, count] of targetCounts(rows, shape).entries()) counts[i] = (counts[i] as number) + count;
  const without = counts.indexOf(0);
  if (without === -1) return counts;
  throw new DynamoError("invalid-argument", `head ${without + 1} has no target in this step: expected at least one`);
}

function notFinite(what: string, microBatch?: number, of = 1): DynamoError {
  const where = microBatch === undefined || of === 1 ? "" : ` in micro-batch ${microBatch + 1} of ${of}`;
  return new DynamoError("runtime", `training diverged: ${what}${where}; lower the learning rate, or clip more`);
}
