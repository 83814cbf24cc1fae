/**
 * The end of a step: what the gradients in a runtime's state do to the weights there. In float16 the norm is asked for first,
 * because the update replaces the weights where they lie: a step whose gradients overflowed must not begin it.
 */
import { tensor, type Feeds, type RuntimeState, type Session, type Tensor } from "@dynamo/core";
import type { OnnxModel } from "@dynamo/onnx";
import type { Precision } from "./autodiff/tape.js";
import { gradientName } from "./graph/gradient-graph.js";
import { normGraph, updateGraph, type AdamwOptions, type TrainedParameter } from "./graph/update-graph.js";
import { initialLossScale, nextLossScale, type LossScale } from "./loss-scale.js";

/** A learning rate for each group of parameters. */
export type GroupRates = readonly number[];

export interface Optimizer {
  /** In float16, what the next step's loss is multiplied by, and what was learnt of it. */
  readonly lossScale: LossScale | undefined;
  /** What the gradient graph is fed beside the batch. */
  feeds(): Feeds;
  /**
   * The update of step `step`, from 0. Returns the norm of the gradients before clipping. When that is not finite, then in
   * float16 nothing has changed and the next scale is smaller; in float32 the weights are spoilt.
   */
  update(step: number, rates: GroupRates): Promise<number>;
}

export interface OptimizerOptions {
  readonly precision: Precision;
  readonly parameters: readonly TrainedParameter[];
  readonly adamw: AdamwOptions;
  /** Number of groups. */
  readonly groups: number;
  /** Where loss scaling goes on. */
  readonly lossScale: LossScale | undefined;
}

type OpenSession = (model: OnnxModel) => Promise<Session>;

/** Over a state with the gradients, moments and weights of all parameters; sessions are the caller's to dispose. */
export async function createOptimizer(
  open: OpenSession,
  state: RuntimeState,
  options: OptimizerOptions,
): Promise<Optimizer> {
  const { precision, parameters, groups, adamw } = options;
  const scaled = precision === "float16";
  const session = await open(updateGraph(parameters, groups, adamw, { scaled }));
  if (scaled) return scaledOptimizer(session, await open(normGraph(parameters)), state, options);
  return {
    lossScale: undefined,
    feeds: () => ({}),
    update: (step, rates) => normOf(session, state, stepFeeds(step + 1, rates, adamw)),
  };
}

function scaledOptimizer(
  session: Session,
  norm: Session,
  state: RuntimeState,
  { adamw, parameters, lossScale: start = initialLossScale }: OptimizerOptions,
): Optimizer {
  let current = start;
  return {
    get lossScale() {
      return current;
    },
    feeds: () => ({ loss_scale: scalar(current.scale) }),
    async update(step, rates) {
      const { scale, skipped } = current;
      const scaledNorm = await normOf(norm, state, {});
      const finite = Number.isFinite(scaledNorm);
      current = nextLossScale(current, finite);
      if (!finite) {
        await clearGradients(state, parameters);
        return scaledNorm;
      }
      // AdamW counts the updates that it made: a step left out has none of the moments that the corrections make up for.
      const feeds = { ...stepFeeds(step + 1 - skipped, rates, adamw), inverse_scale: scalar(1 / scale) };
      return normOf(session, state, feeds);
    },
  };
}

const scalar = (value: number): Tensor => tensor("float32", [], Float32Array.of(value));

/** For update `count`, from 1. */
function stepFeeds(count: number, rates: GroupRates, { beta1, beta2 }: AdamwOptions): Feeds {
  const corrections = Float32Array.of(1 / (1 - beta1 ** count), 1 / (1 - beta2 ** count));
  return {
    learning_rates: tensor("float32", [rates.length], Float32Array.from(rates)),
    corrections: tensor("float32", [2], corrections),
  };
}

async function normOf(session: Session, state: RuntimeState, feeds: Feeds): Promise<number> {
  const results = await session.run(feeds, ["gradient_norm"], { state });
  return (results["gradient_norm"]?.data as Float32Array)[0] as number;
}

/** Micro-batches add to what is there times 0, and infinity times 0 is not a number. */
async function clearGradients(
  state: RuntimeState,
  parameters: readonly Pick<TrainedParameter, "name" | "dims">[],
): Promise<void> {
  for (const { name, dims } of parameters) await state.write({ [gradientName(name)]: tensor("float32", dims) });
}
