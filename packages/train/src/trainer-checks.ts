/** What a trainer's arguments must be: for callers in plain JavaScript. */
import { DynamoError, type GraphSource } from "@dynamo/core";
import {
  callback,
  checkOptions,
  checkValue,
  either,
  flag,
  isPlainObject,
  listOf,
  members,
  numberAbove,
  numberFrom,
  numberIn,
  oneOf,
  plainObject,
  required,
  valueCheck,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import { baseShapes, type ModelConfig } from "@dynamo/model";
import { runtimeCheck } from "./arguments.js";
import type { TokenRows } from "./batch.js";
import type { HeadLora, Trained } from "./graph/lora.js";
import type { AdamwOptions } from "./graph/update-graph.js";
import type { LossScale } from "./loss-scale.js";
import type { LearningRates, TrainerOptions, TrainerStart } from "./trainer-types.js";

const tensors = valueCheck<ReadonlyMap<string, Float32Array>>(
  "a Map of Float32Arrays by name",
  (value) => value instanceof Map && [...value.values()].every((each) => each instanceof Float32Array),
);

const startChecks: OptionChecks<TrainerStart> = {
  weights: required(callback()),
  moments1: tensors,
  moments2: tensors,
  lossScale: members<LossScale>({
    scale: required(numberAbove(0)),
    goodSteps: required(whole(0)),
    skipped: required(whole(0)),
  }),
};

const optionChecks: OptionChecks<TrainerOptions> = {
  batch: required(whole(1)),
  sequence: required(whole(2)),
  microBatches: required(whole(1)),
  train: required(oneOf("all", "heads", "conditional")),
  // Its runtime looks at what is in it.
  stem: plainObject as ReturnType<typeof valueCheck<GraphSource>>,
  headLora: members<HeadLora>({ rank: required(whole(1)), alpha: numberAbove(0) }),
  stemGradientScale: required(numberFrom(0)),
  headWeights: required(listOf(numberAbove(0), "a list of numbers above 0, one for each token head")),
  distillation: numberIn(0, 1),
  weightDecay: required(numberFrom(0)),
  decayAll: required(flag),
  adamw: required(
    members<AdamwOptions>({
      beta1: required(numberIn(0, 1)),
      beta2: required(numberIn(0, 1)),
      epsilon: required(numberAbove(0)),
      clipNorm: required(
        either(
          numberAbove(0),
          valueCheck<number>("Infinity", (value) => value === Infinity),
        ),
      ),
    }),
  ),
  precision: oneOf("float32", "float16"),
};

/** Throws `unsupported` for heads that other projects train: they can be converted, not trained on. */
export function checkHeadKind({ headKind }: ModelConfig): void {
  if (headKind !== "decoder")
    throw new DynamoError("unsupported", `training: expected decoder heads or none, received ${headKind} heads`);
}

/** What a training says that would change no parameter. */
export const nothingToTrain = (train: Trained): DynamoError =>
  new DynamoError(
    "invalid-argument",
    train === "conditional"
      ? "nothing to train: the model has no conditional parts"
      : "nothing to train: with the base frozen a model needs at least 2 token heads",
  );

/** Throws `invalid-argument`. */
export function checkTrainer(
  runtime: unknown,
  config: ModelConfig,
  start: TrainerStart,
  options: TrainerOptions,
): void {
  checkValue("runtime", runtime, runtimeCheck);
  // It refuses what is no model's configuration.
  baseShapes(config);
  checkHeadKind(config);
  checkOptions("what a trainer starts from", start, startChecks);
  checkOptions("createTrainer()", options, optionChecks);
  const heads = `a list of ${config.tokenHeads} numbers, one for each token head`;
  checkValue(
    "headWeights",
    options.headWeights,
    valueCheck(heads, (value) => (value as readonly number[]).length === config.tokenHeads),
  );
}

const rowsCheck = valueCheck<TokenRows>(
  "rows { tokens, counted }: an Int32Array, and a Uint8Array of as many flags",
  (value) => {
    if (!isPlainObject(value)) return false;
    const { tokens, counted, ...unknown } = value as TokenRows;
    const flags = counted === undefined || (counted instanceof Uint8Array && counted.length === tokens.length);
    return tokens instanceof Int32Array && flags && Object.keys(unknown).length === 0;
  },
);
const ratesChecks: OptionChecks<LearningRates> = { base: required(numberFrom(0)), heads: required(numberFrom(0)) };

/** Throws `invalid-argument`. */
export function checkStep(batches: readonly TokenRows[], step: number, rates: LearningRates): void {
  checkValue("batches", batches, listOf(rowsCheck, `a list of ${rowsCheck.expected}`));
  checkValue("step", step, whole(0));
  checkOptions("the learning rates of a step", rates, ratesChecks);
}

/** Throws `invalid-argument`. */
export function checkRows(rows: TokenRows): void {
  checkValue("rows", rows, rowsCheck);
}
